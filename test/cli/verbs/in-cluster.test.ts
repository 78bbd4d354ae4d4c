import { beforeEach, expect, test } from 'vitest'
import type { Dataset } from '../../../src/api/dataset.ts'
import * as kinds from '../../../src/api/kinds.ts'
import type { KubeObject } from '../../../src/api/meta.ts'
import type { MoveSpec } from '../../../src/api/move.ts'
import type { MoveResult } from '../../../src/api/move-result.ts'
import type { JobObject } from '../../../src/desired/objects.ts'
import { StoreError } from '../../../src/stores/object-store.ts'
import { memoryStore } from '../../helpers/memory-store.ts'
import type { ModelApi } from '../../helpers/model-api.ts'
import { personAt, visionApi } from '../context.ts'

type Made = JobObject & { spec: { template: { spec: { containers: { env: { value: string }[]; image: string }[] } } } }

/** A person without a key of the bucket, and the cluster that lets their mover run: a pod, its log, its end. */
const scene = (api: ModelApi, shown: object[], result: MoveResult) => {
  const asked: MoveSpec[] = []
  const store = memoryStore('s3://team')
  store.get = () => Promise.reject(new StoreError('no-credentials', 'no credentials'))
  store.list = () => {
    throw new StoreError('no-credentials', 'no credentials')
  }
  const each = () => {
    for (const job of api.all<Made>(kinds.Job, 'vision')) {
      const name = `${job.metadata.name}-x`
      if (api.find(kinds.Pod, 'vision', name) !== undefined) continue
      const [container] = job.spec.template.spec.containers
      asked.push(JSON.parse(container?.env[0]?.value ?? '{}') as MoveSpec)
      const owner = { apiVersion: 'batch/v1', kind: 'Job', name: job.metadata.name, uid: job.metadata.uid ?? '' }
      const end = { exitCode: result.outcome === 'Failed' ? 13 : 0, message: JSON.stringify(result) }
      api.seed({
        apiVersion: 'v1',
        kind: 'Pod',
        metadata: { name, namespace: 'vision', labels: job.metadata.labels, ownerReferences: [owner] },
        status: { phase: 'Succeeded', containerStatuses: [{ name: 'mover', state: { terminated: end } }] },
      } as KubeObject)
      api.podLogs.set(`vision/${name}`, `no JSON\n${shown.map((one) => `${JSON.stringify(one)}\n`).join('')}`)
    }
  }
  return { asked, type: personAt(api, { store, each }).type }
}

let api: ModelApi
beforeEach(() => {
  api = visionApi()
  const spec = { s3: { bucket: 'team' }, credentials: { secretName: 'keys' }, default: true }
  api.seed({
    apiVersion: kinds.apiVersion,
    kind: 'StorageProvider',
    metadata: { name: 'team', namespace: 'vision' },
    spec,
  } as KubeObject)
  api.change<Dataset>(kinds.Dataset, 'vision', 'mnist', ({ status }) => {
    Object.assign(status!, { store: { kind: 's3', bucket: 'team', prefix: 'granary/vision/mnist/' }, nextSequence: 4 })
  })
  api.seed({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'granary-system' } })
  api.seed({
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'granary', namespace: 'granary-system' },
    spec: { template: { spec: { containers: [{ image: 'granary:1' }] } } },
  } as KubeObject)
})

test('who has no key of the bucket gets the difference from a mover, which goes when it has answered', async () => {
  const change = { change: 'added', path: 'new', after: { size: 3 } }
  const summary = { added: 2, removed: 0, changed: 0, bytes: 6, shards: { read: 1, all: 2 } }
  const { type, asked } = scene(api, [{ shown: change }], { op: 'Show', outcome: 'Done', lines: 2, summary })
  const { out, notes, code } = await type('diff mnist:v1 mnist:v2')
  expect(out).toBe('+ new  (3 B)\n2 added, 0 changed, 0 removed, +6 B (read 1 of 2 shards)')
  expect(notes).toContain('a pod in the cluster reads it instead')
  expect(notes).toContain('1 more are not shown')
  expect(code).toBe(0)
  expect(asked).toMatchObject([
    { op: 'Show', what: 'Changes', version: { sequence: 1 }, to: { sequence: 2 }, store: { credentials: 'Files' } },
  ])
  expect(api.all(kinds.Job)).toEqual([])
  const json = JSON.parse((await type('diff mnist:v1 mnist:v2 --in-cluster -o json')).out)
  expect(json).toEqual({ summary, changes: [change] })
})

test('files, and what a sweep would remove', async () => {
  const done = { op: 'Show', outcome: 'Done', lines: 1 } as const
  const files = scene(api, [{ shown: { path: 'd/b', size: 2, sha256: 'ab'.repeat(32) } }], done)
  expect((await files.type('files list mnist d')).out).toBe('           2  abababababab  d/b')
  expect(files.asked).toMatchObject([{ what: 'Files', path: 'd', version: { sequence: 2 } }])
  const swept = {
    ...{ op: 'Sweep', outcome: 'Done', tombstoned: 0, restored: [], gone: [], purged: [] },
    ...{ objects: 1, bytes: 11, more: false, tombstones: [] },
  } as MoveResult
  const sweep = scene(api, [{ key: 'data/v3/a', size: 11 }], swept)
  expect((await sweep.type('gc mnist --dry-run')).out).toBe('      11 B  data/v3/a\n1 objects, 11 B would go.')
  expect(sweep.asked).toMatchObject([{ op: 'Sweep', dryRun: true, open: [3], next: 4 }])
})

test('what the mover could not do ends the command with its reason, and its Job goes all the same', async () => {
  const { type } = scene(api, [], {
    op: 'Show',
    outcome: 'Failed',
    reason: 'CredentialsDenied',
    message: 'the keys in Secret keys are refused',
  })
  const { code, notes } = await type('files list mnist --in-cluster')
  expect([code, notes]).toEqual([4, expect.stringContaining('Secret keys are refused')])
  expect(api.all(kinds.Job)).toEqual([])
})

test('a store that is a volume is mounted, read-only, where this program could not read it', async () => {
  api.change<Dataset>(kinds.Dataset, 'vision', 'mnist', (one) => {
    one.spec = { ...one.spec, store: { claim: { name: 'kept' }, prefix: 'granary/' } } as Dataset['spec']
    Object.assign(one.status!, { store: { kind: 'claim', bucket: 'kept', prefix: 'granary/vision/mnist/' } })
  })
  const { type, asked } = scene(api, [], { op: 'Show', outcome: 'Done', lines: 0 })
  let mounted = ''
  const create = api.create.bind(api)
  api.create = (object, ...rest) => {
    mounted += JSON.stringify(object)
    return create(object, ...rest)
  }
  expect((await type('files list mnist')).code).toBe(0)
  expect(mounted).toContain('"persistentVolumeClaim":{"claimName":"kept","readOnly":true}')
  expect(asked).toMatchObject([{ store: { directory: { kind: 'claim' }, prefix: 'granary/vision/mnist/' } }])
})
