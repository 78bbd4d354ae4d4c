import { Registry } from 'prom-client'
import { expect, test } from 'vitest'
import type { DatasetVersion } from '../../src/api/dataset-version.ts'
import { labels } from '../../src/api/names.ts'
import { gaugeMoving, type Seen } from '../../src/cli/moving-gauges.ts'
import type { ClaimObject, JobObject } from '../../src/desired/objects.ts'
import { rescuedAnnotation } from '../../src/desired/volumes.ts'

const now = Date.parse('2026-01-01T01:00:00Z')
const ago = (seconds: number) => new Date(now - seconds * 1000).toISOString()

const version = (status: object, dataset = 'mnist') =>
  ({ metadata: { namespace: 'vision', name: 'x' }, spec: { dataset }, status }) as unknown as DatasetVersion
const claim = (namespace: string, name: string, storage: string, metadata: object = {}) =>
  ({ metadata: { namespace, name, ...metadata }, status: { capacity: { storage } } }) as unknown as ClaimObject
const job = (suspend: boolean, condition?: string, role = 'mover') =>
  ({
    metadata: { labels: { [labels.role]: role } },
    spec: { suspend },
    ...(condition ? { status: { conditions: [{ type: condition, status: 'True' }] } } : {}),
  }) as unknown as JobObject

const textOf = async (seen: Partial<Seen>) => {
  const registry = new Registry()
  gaugeMoving(registry, () => ({ versions: [], claims: [], jobs: [], now, ...seen }))
  return (await registry.metrics()).split('\n').filter((line) => line !== '' && !line.startsWith('#'))
}

test('what movers move is summed up by Dataset, as long as they do', async () => {
  const progress = (bytesDone: number) => ({
    progress: { filesDone: 1, bytesDone, bytesTotal: 100, bytesPerSecond: 5 },
  })
  const versions = [version(progress(10)), version(progress(20)), version(progress(1), 'faces'), version({})]
  const lines = await textOf({ versions })
  expect(lines).toContain('granary_mover_bytes{namespace="vision",dataset="mnist"} 30')
  expect(lines).toContain('granary_mover_bytes_expected{namespace="vision",dataset="mnist"} 200')
  expect(lines).toContain('granary_mover_bytes_per_second{namespace="vision",dataset="mnist"} 10')
  expect(lines).toContain('granary_mover_bytes{namespace="vision",dataset="faces"} 1')
  expect((await textOf({ versions: [version({})] })).filter((line) => line.startsWith('granary_mover_bytes'))).toEqual(
    [],
  )
})

test('what lies on volumes and in no store is counted with its age, rescued bytes with it', async () => {
  const rescued = { namespace: 'gone', dataset: 'model', name: 'v', claim: { name: 'c', uid: 'u' } }
  const kept = { labels: { [labels.role]: 'rescue' }, annotations: { [rescuedAnnotation]: JSON.stringify(rescued) } }
  const lines = await textOf({
    versions: [
      version({ phase: 'Uncommitted', claimName: 'out', releasedAt: ago(60) }),
      version({ phase: 'Finalizing', releasedAt: ago(600), progress: { bytesDone: 1, bytesTotal: 24 } }),
      version({ phase: 'Running', claimName: 'out' }),
      version({ phase: 'Committed', claimName: 'out' }),
    ],
    claims: [
      claim('vision', 'out', '1Ki'),
      claim('granary-rescue', 'rescue-1', '2Ki', { ...kept, creationTimestamp: ago(5) }),
      claim('gone', 'rescue-1', '4Ki', kept),
    ],
  })
  expect(lines).toContain('granary_pending_bytes{namespace="vision",dataset="mnist"} 1048')
  expect(lines).toContain('granary_pending_oldest_seconds{namespace="vision",dataset="mnist"} 600')
  expect(lines).toContain('granary_pending_bytes{namespace="gone",dataset="model"} 2048')
  expect(lines).toContain('granary_pending_oldest_seconds{namespace="gone",dataset="model"} 5')
})

test('movers that run and that wait for a turn are counted, ended ones and other Jobs not', async () => {
  const jobs = [
    job(false),
    job(true),
    job(true),
    job(false, 'Complete'),
    job(true, 'Failed'),
    job(true, undefined, 'x'),
  ]
  const lines = await textOf({ jobs })
  expect(lines).toContain('granary_movers{state="running"} 1')
  expect(lines).toContain('granary_movers{state="waiting"} 2')
})
