import { expect, test, vi } from 'vitest'
import type { Dataset } from '../../../src/api/dataset.ts'
import type { DatasetVersion } from '../../../src/api/dataset-version.ts'
import * as kinds from '../../../src/api/kinds.ts'
import { annotations } from '../../../src/api/names.ts'
import { datasetController, indexes } from '../../../src/controllers/dataset/index.ts'
import type { ClaimObject } from '../../../src/desired/objects.ts'
import { type Actor, crashEverywhere, type DriveOptions } from '../../helpers/drive.ts'
import type { ModelApi } from '../../helpers/model-api.ts'
import {
  calmMover,
  committer,
  config,
  dataset,
  digest,
  helpers,
  kubelet,
  modelWith,
  namespace,
  outputClaim,
  provider,
  withHelpers,
  writer,
} from './actors.ts'

// Many runs of a model: a busy machine needs its time.
vi.setConfig({ testTimeout: 120_000 })

const options = (...actors: Actor[]): DriveOptions => ({
  controllers: () => [datasetController(config) as never, ...helpers()],
  indexes: withHelpers(indexes),
  actors,
  horizon: 120_000,
})
const numbers = (api: ModelApi) =>
  api.all<DatasetVersion>(kinds.DatasetVersion).map((version) => version.status?.sequence)
const status = (api: ModelApi) => api.find<Dataset>(kinds.Dataset, namespace, 'mnist')?.status

test('an adoption in pages, wherever the operator dies: every version once, the next number after them', async () => {
  const entry = (n: number) => ({
    n,
    digest: digest('c'),
    root: digest('d'),
    files: 1,
    bytes: 1,
    at: '2025-01-01T00:00:00Z',
  })
  await crashEverywhere(() => modelWith(provider(), dataset({ adopt: true, volume: {} })), {
    ...options(
      kubelet((spec) => {
        if (spec.op !== 'Adopt') return undefined
        const left = [5, 4, 2, 1].filter((n) => n < (spec.before ?? 6))
        return { op: 'Adopt', outcome: 'Done', versions: left.slice(0, 2).map(entry), more: left.length > 2 }
      }),
      committer((one) =>
        one.status?.phase === undefined
          ? { phase: 'Committed', digest: digest('c'), committedAt: '2025-01-01T00:00:00Z' }
          : undefined,
      ),
    ),
    check: (api) => {
      expect(numbers(api)).toEqual([1, 2, 4, 5])
      expect(status(api)).toMatchObject({
        nextSequence: 6,
        adoption: { done: true, versions: 4 },
        latest: { version: 'v5' },
      })
      expect(api.all<ClaimObject>(kinds.Claim).map((claim) => claim.metadata.name)).toEqual(['mnist-v5'])
      expect(api.all(kinds.Job)).toEqual([])
    },
  })
})

test('a claim that two pods use in turn, wherever the operator dies: two versions, the second based on the first', async () => {
  const again: Actor = (api) => {
    const done = api.find<DatasetVersion>(kinds.DatasetVersion, namespace, 'mnist-v1')?.status?.phase === 'Committed'
    if (!done || api.find(kinds.Pod, namespace, 'second')) return false
    api.seed(writer('second', 'out'))
    return true
  }
  await crashEverywhere(() => modelWith(provider(), dataset(), outputClaim('out')), {
    ...options(
      calmMover(() => ''),
      committer((one) =>
        one.metadata.name === 'mnist-v1' && one.status?.phase !== 'Committed'
          ? { phase: 'Committed', digest: digest('b'), committedAt: '2026-01-01T00:00:00Z' }
          : one.status?.phase === undefined
            ? { phase: 'Running' }
            : undefined,
      ),
      again,
    ),
    check: (api) => {
      expect(numbers(api)).toEqual([1, 2])
      expect(api.find<DatasetVersion>(kinds.DatasetVersion, namespace, 'mnist-v2')?.spec.base).toBe('v1')
      const claim = api.find<ClaimObject>(kinds.Claim, namespace, 'out')
      expect(claim?.metadata.annotations?.[annotations.openVersion]).toBe('mnist-v2')
    },
  })
})
