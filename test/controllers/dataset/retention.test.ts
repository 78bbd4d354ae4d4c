import { describe, expect, test, vi } from 'vitest'
import { type Dataset, DatasetStatus } from '../../../src/api/dataset.ts'
import type { DatasetVersion } from '../../../src/api/dataset-version.ts'
import * as kinds from '../../../src/api/kinds.ts'
import type { MoveSpec } from '../../../src/api/move.ts'
import type { MoveFailed } from '../../../src/api/move-result.ts'
import { annotations, finalizers, labels } from '../../../src/api/names.ts'
import type { Indexes } from '../../../src/cli/caches.ts'
import { datasetController, indexes as datasetIndexes } from '../../../src/controllers/dataset/index.ts'
import { versionController, indexes as versionIndexes } from '../../../src/controllers/version/index.ts'
import type { ClaimObject, JobObject, PodObject } from '../../../src/desired/objects.ts'
import { filledFromAnnotation } from '../../../src/desired/volumes.ts'
import type { KubeObject } from '../../../src/kube/types.ts'
import { type Actor, crashEverywhere, drive } from '../../helpers/drive.ts'
import type { ModelApi } from '../../helpers/model-api.ts'
import {
  config,
  dataset,
  digest,
  helpers,
  kubelet,
  modelWith,
  namespace,
  nothingStored,
  nothingSwept,
  provider,
  withHelpers,
} from './actors.ts'

vi.setConfig({ testTimeout: 120_000 })

type Sweep = Extract<MoveSpec, { op: 'Sweep' }>

const both: Indexes = {}
for (const indexes of [datasetIndexes, versionIndexes] as Indexes[])
  for (const [plural, functions] of Object.entries(indexes)) both[plural] = { ...both[plural], ...functions }

const base = {
  controllers: () => [
    datasetController(config),
    versionController({ ...config, defaultOutputSize: '1Gi' }),
    ...helpers(),
  ],
  indexes: withHelpers(both),
  limit: 3000,
}

/** A store that remembers its tombstones and graces, as a mover would find it. */
const store = (seen: Sweep[] = [], fails?: (nth: number) => MoveFailed | undefined) => {
  const tombstones = new Map<number, string>()
  const purged = new Set<number>()
  const answer = (spec: MoveSpec) => {
    if (spec.op === 'Adopt') return nothingStored
    if (spec.op !== 'Sweep') return undefined
    seen.push(spec)
    const failure = fails?.(seen.length)
    if (failure) return failure
    for (const n of spec.restore) tombstones.delete(n)
    const over = [...tombstones].filter(([, until]) => Date.parse(until) <= Date.parse(spec.now)).map(([n]) => n)
    for (const { sequence, until } of spec.tombstones) if (!purged.has(sequence)) tombstones.set(sequence, until)
    const restored = spec.restore
      .filter((n) => !purged.has(n))
      .map((n) => ({
        n,
        digest: digest('a'),
        root: digest('e'),
        files: 1,
        bytes: 1,
        at: '2026-01-01T00:00:00Z',
        tags: ['old'],
      }))
    for (const n of over) {
      tombstones.delete(n)
      purged.add(n)
    }
    return {
      ...nothingSwept(),
      tombstoned: spec.tombstones.length,
      restored,
      gone: spec.restore.filter((n) => purged.has(n)),
      purged: over,
      objects: over.length,
      tombstones: [...tombstones].map(([n, until]) => ({ n, until })),
    } as never
  }
  return kubelet(answer)
}

const version = (n: number, more: { mine?: boolean; tags?: string[]; name?: string } = {}): KubeObject =>
  ({
    apiVersion: kinds.apiVersion,
    kind: 'DatasetVersion',
    metadata: {
      name: more.name ?? `mnist-v${n}`,
      namespace,
      finalizers: [finalizers.version],
      labels: more.mine === true ? {} : { [labels.ownerUid]: 'uid-mnist' },
    },
    spec: { dataset: 'mnist', from: { source: {} }, ...(more.tags ? { tags: more.tags } : {}) },
    status: {
      sequence: n,
      version: `v${n}`,
      phase: 'Committed',
      digest: digest('a'),
      rootDigest: digest('e'),
      files: 1,
      bytes: 1,
      committedAt: `2026-01-0${n}T00:00:00Z`,
    },
  }) as KubeObject

const claim = (name: string, n: number, role?: string): ClaimObject => ({
  apiVersion: 'v1',
  kind: 'PersistentVolumeClaim',
  metadata: {
    name,
    namespace,
    ...(role ? { labels: { [labels.role]: role } } : {}),
    annotations: {
      [annotations.resolved]: JSON.stringify({ ref: 'x', namespace, dataset: 'mnist', version: `v${n}` }),
    },
  },
  status: { phase: 'Bound' },
})

const reader = (name: string, of: string): PodObject => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, namespace },
  spec: { volumes: [{ name: 'in', persistentVolumeClaim: { claimName: of, readOnly: true } }] },
  status: { phase: 'Running' },
})

const scene = (
  spec: Record<string, unknown>,
  objects: KubeObject[],
  status: Record<string, unknown> = {},
): ModelApi => {
  const of = dataset(spec) as Dataset
  of.metadata.uid = 'uid-mnist'
  of.status = {
    adoption: { done: true, attempt: 1 },
    nextSequence: 7,
    store: { provider: 'bucket', kind: 's3', bucket: 'team', prefix: 'all/granary/vision/mnist/' },
    ...status,
  } as NonNullable<Dataset['status']>
  return modelWith(provider(), of, ...objects)
}

const statusOf = (api: ModelApi) => api.find<Dataset>(kinds.Dataset, namespace, 'mnist')?.status
const names = (api: ModelApi) =>
  api
    .all<DatasetVersion>(kinds.DatasetVersion)
    .map(({ metadata }) => metadata.name)
    .sort()
const phase = (api: ModelApi, name: string) =>
  api.find<DatasetVersion>(kinds.DatasetVersion, namespace, name)?.status?.phase
const run = async (api: ModelApi, horizon: number, ...actors: Actor[]) => {
  const driven = await drive(api, { ...base, actors, horizon })
  expect(driven.errors).toEqual([])
  const status = statusOf(api)
  if (status) expect(DatasetStatus.parse(status)).toEqual(status)
  return driven
}
const minute = 60_000

describe('retention', () => {
  const six = [1, 2, 3, 4, 5, 6].map((n) => version(n))

  test('keeps the newest; the rest gets tombstones in one run, and goes when the grace is over', async () => {
    const seen: Sweep[] = []
    const api = scene({ retention: { keepLast: 2, deletedGrace: '1h' } }, six)
    const mover = store(seen)
    await run(api, 30 * minute, mover)
    expect(names(api)).toEqual(['mnist-v5', 'mnist-v6'])
    expect(seen).toHaveLength(1)
    expect(seen[0]?.tombstones.map(({ sequence }) => sequence)).toEqual([1, 2, 3, 4])
    expect(seen[0]).toMatchObject({ open: [], next: 7, quiet: true, restore: [] })
    expect(statusOf(api)?.tombstones?.every(({ stored }) => stored)).toBe(true)
    await run(api, 3 * 60 * minute, mover)
    expect(statusOf(api)?.tombstones ?? []).toEqual([])
    expect(api.all(kinds.Job)).toEqual([])
  })

  test('leaves alone what is tagged, pinned, used, built upon, or a person made', async () => {
    const open = version(7) as DatasetVersion
    open.spec = { dataset: 'mnist' }
    open.status = {
      sequence: 7,
      version: 'v7',
      phase: 'Running',
      base: { sequence: 4, digest: digest('a'), root: digest('e') },
    }
    open.metadata.annotations = { [annotations.claim]: 'out', [annotations.claimUid]: 'uid-out' }
    const api = scene({ retention: { keepLast: 1 }, tags: { prod: 'v1' } }, [
      ...[1, 2, 3, 4, 6].map((n) => version(n)),
      version(5, { mine: true, name: 'my-own' }),
      claim('held', 2),
      claim('mnist-v3', 3, 'version'),
      reader('train', 'mnist-v3'),
      {
        ...claim('out', 4),
        metadata: { ...claim('out', 4).metadata, uid: 'uid-out', annotations: { [annotations.access]: 'ReadWrite' } },
      },
      open,
    ])
    await run(api, 30 * minute, store())
    expect(names(api)).toEqual(['mnist-v1', 'mnist-v2', 'mnist-v3', 'mnist-v4', 'mnist-v6', 'mnist-v7', 'my-own'])
    expect(phase(api, 'my-own')).toBe('Expired')
    expect(statusOf(api)?.tombstones).toMatchObject([{ version: 'v5', name: 'my-own', reason: 'Retention' }])
    expect(statusOf(api)?.versions).toBe(5)
  })

  test('a version that a person made comes back with its bytes', async () => {
    const api = scene({ retention: { keepLast: 1 } }, [version(1, { mine: true, name: 'my-own' }), version(2)])
    const mover = store()
    await run(api, 10 * minute, mover)
    expect(phase(api, 'my-own')).toBe('Expired')
    api.change<Dataset>(kinds.Dataset, namespace, 'mnist', (one) => {
      one.metadata.annotations = { [annotations.restore]: 'v1 again' }
      one.spec = { ...one.spec, retention: undefined } as Dataset['spec']
    })
    await run(api, 10 * minute, mover)
    expect(phase(api, 'my-own')).toBe('Committed')
  })
})

describe('deleting a version', () => {
  const remove = (api: ModelApi, name: string) => api.remove(kinds.DatasetVersion, namespace, name)

  test('waits for the pods that use it, by name, and for nothing else', async () => {
    const api = scene({}, [version(1), version(2), claim('mnist-v1', 1, 'version'), reader('train', 'mnist-v1')])
    remove(api, 'mnist-v1')
    const mover = store()
    const driven = await run(api, minute, mover)
    const blocked = api.find<DatasetVersion>(kinds.DatasetVersion, namespace, 'mnist-v1')
    expect(blocked?.status?.phase).toBe('Committed')
    expect(blocked?.status?.conditions?.find(({ type }) => type === 'DeletionBlocked')?.message).toContain('pod train')
    expect(driven.events.filter(({ reason }) => reason === 'DeletionBlocked')).toHaveLength(1)
    api.change<PodObject>(kinds.Pod, namespace, 'train', (pod) => {
      pod.status = { phase: 'Succeeded' }
    })
    await run(api, 10 * minute, mover)
    expect(names(api)).toEqual(['mnist-v2'])
    expect(statusOf(api)?.tombstones).toMatchObject([{ version: 'v1', stored: true, reason: 'Deleted' }])
    expect(statusOf(api)?.latest?.version).toBe('v2')
  })

  test('is not held up by a claim of another namespace that only says it has its content', async () => {
    const elsewhere = (name: string, volumeName: string): KubeObject => {
      const said = claim(name, 1)
      return {
        ...said,
        metadata: { ...said.metadata, namespace: 'others', uid: `uid-${name}` },
        spec: { volumeName },
      } as KubeObject
    }
    const volume = (name: string, uid: string, from?: string): KubeObject =>
      ({
        apiVersion: 'v1',
        kind: 'PersistentVolume',
        metadata: { name, ...(from === undefined ? {} : { annotations: { [filledFromAnnotation]: from } }) },
        spec: { claimRef: { uid } },
      }) as KubeObject
    const content = `${namespace}/mnist`
    const others = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'others' } }
    const forged = [
      elsewhere('forged', 'pv-plain'),
      volume('pv-plain', 'uid-forged'),
      elsewhere('borrowed', 'pv-real'),
      elsewhere('other', 'pv-other'),
      volume('pv-other', 'uid-other', 'others/x'),
    ]
    const real = [elsewhere('real', 'pv-real'), volume('pv-real', 'uid-real', content)]
    const api = scene({}, [version(1), version(2), others, ...forged, ...real])
    remove(api, 'mnist-v1')
    const mover = store()
    await run(api, minute, mover)
    const blocked = () =>
      api
        .find<DatasetVersion>(kinds.DatasetVersion, namespace, 'mnist-v1')
        ?.status?.conditions?.find(({ type }) => type === 'DeletionBlocked')?.message
    expect(blocked()).toBe('In use by claim others/real: it goes when they have gone.')
    // Whom the Dataset lets read is believed: its claim may be about to be filled.
    const letIn = (names: string[]) =>
      api.change<Dataset>(kinds.Dataset, namespace, 'mnist', (one) => {
        one.spec = { ...one.spec, allowedNamespaces: { names } } as Dataset['spec']
      })
    letIn(['others'])
    await run(api, minute, mover)
    expect(blocked()).toContain('claim others/forged')
    letIn([])
    api.remove(kinds.Claim, 'others', 'real')
    await run(api, 10 * minute, mover)
    expect(names(api)).toEqual(['mnist-v2'])
  })

  test('can be undone until the grace is over, and then says that it can not', async () => {
    const api = scene({ retention: { deletedGrace: '2h' } }, [version(1), version(2)])
    const mover = store()
    const restore = (value: string) =>
      api.change<Dataset>(kinds.Dataset, namespace, 'mnist', (one) => {
        one.metadata.annotations = { [annotations.restore]: value }
      })
    remove(api, 'mnist-v1')
    await run(api, 10 * minute, mover)
    restore('v1')
    await run(api, 10 * minute, mover)
    expect(names(api)).toEqual(['mnist-v1', 'mnist-v2'])
    expect(phase(api, 'mnist-v1')).toBe('Committed')
    expect(statusOf(api)).toMatchObject({ lastHandledRestore: 'v1', tags: [{ name: 'old', version: 'v1' }] })
    expect(statusOf(api)?.tombstones ?? []).toEqual([])
    remove(api, 'mnist-v1')
    await run(api, 4 * 60 * minute, mover)
    restore('v1 once more')
    const driven = await run(api, 10 * minute, mover)
    expect(driven.events.map(({ reason }) => reason)).toContain('RestoreFailed')
    expect(names(api)).toEqual(['mnist-v2'])
  })

  test('needs no Dataset, and writes nothing down when the namespace goes', async () => {
    const api = scene({}, [version(1), version(2)])
    api.change(kinds.Namespace, undefined, namespace, (one) => {
      one.metadata.deletionTimestamp = '2026-01-01T00:00:00Z'
    })
    remove(api, 'mnist-v1')
    await run(api, minute, store())
    expect(names(api)).toEqual(['mnist-v2'])
    expect(statusOf(api)?.tombstones ?? []).toEqual([])
    api.remove(kinds.Dataset, namespace, 'mnist')
    remove(api, 'mnist-v2')
    await run(api, minute, store())
    expect(names(api)).toEqual([])
  })

  test('a store that is away holds nothing up but the tombstones, which are written when it is back', async () => {
    const seen: Sweep[] = []
    const away = (nth: number): MoveFailed | undefined =>
      nth < 4 ? { op: 'Sweep', outcome: 'Failed', reason: 'Unreachable', message: 'no answer' } : undefined
    const api = scene({}, [version(1), version(2)])
    remove(api, 'mnist-v1')
    const driven = await run(api, 30 * minute, store(seen, away))
    expect(names(api)).toEqual(['mnist-v2'])
    expect(seen).toHaveLength(4)
    expect(driven.events.filter(({ reason }) => reason === 'SweepFailed')).toHaveLength(1)
    expect(statusOf(api)?.tombstones).toMatchObject([{ version: 'v1', stored: true }])
  })

  test('a tombstone that the store has lost is written again, and does not come due for ever', async () => {
    const seen: Sweep[] = []
    const lost = { version: 'v1', sequence: 1, reason: 'Deleted', stored: true }
    const grace = { at: '2025-12-30T00:00:00Z', until: '2025-12-31T00:00:00Z' }
    const api = scene({}, [version(2)], { tombstones: [{ ...lost, ...grace }] })
    await run(api, 10 * minute, store(seen))
    expect(statusOf(api)?.tombstones ?? []).toEqual([])
    expect(seen.map(({ tombstones }) => tombstones.map(({ sequence }) => sequence))).toEqual([[], [1], []])
  })

  test('wherever the operator dies, a deletion and its restore end the same', async () => {
    const acts: ((api: ModelApi) => boolean)[] = [
      (api) => {
        if (statusOf(api)?.tombstones?.some(({ stored }) => stored) !== true) return false
        if (api.find(kinds.DatasetVersion, namespace, 'mnist-v1')) return false
        return (
          api.change<Dataset>(kinds.Dataset, namespace, 'mnist', (one) => {
            one.metadata.annotations = { [annotations.restore]: 'v1' }
          }) !== undefined
        )
      },
    ]
    const once = new WeakMap<ModelApi, Actor>()
    const stores = (api: ModelApi): Actor => {
      const there = once.get(api) ?? store()
      once.set(api, there)
      return there
    }
    const restored = new WeakSet<ModelApi>()
    await crashEverywhere(
      () => {
        const api = scene({}, [version(1), version(2)])
        remove(api, 'mnist-v1')
        return api
      },
      {
        ...base,
        horizon: 20 * minute,
        actors: [
          (api) => stores(api)(api),
          (api) => {
            if (restored.has(api) || acts[0]?.(api) !== true) return false
            restored.add(api)
            return true
          },
        ],
        check: (api) => {
          expect(names(api)).toEqual(['mnist-v1', 'mnist-v2'])
          expect(phase(api, 'mnist-v1')).toBe('Committed')
          expect(api.all(kinds.Job)).toEqual([])
        },
        leaveOut: (object) => object.kind === 'Job' || object.kind === 'Pod' || object.kind === 'Dataset',
      },
    )
  })
})

describe('deleting a Dataset', () => {
  const guarded = (spec: Record<string, unknown>, ...objects: KubeObject[]) => {
    const api = scene(spec, [version(1), ...objects])
    api.change(kinds.Dataset, namespace, 'mnist', (one) => {
      one.metadata.finalizers = [finalizers.dataset]
    })
    api.remove(kinds.Dataset, namespace, 'mnist')
    return api
  }

  test('with its bytes: they go first, all of them', async () => {
    const seen: Sweep[] = []
    const api = guarded({ deletionPolicy: 'Delete' })
    await run(api, 10 * minute, store(seen))
    expect(seen).toMatchObject([{ everything: true, tombstones: [] }])
    expect(api.find(kinds.Dataset, namespace, 'mnist')).toBeUndefined()
  })

  test('with its bytes, while pods use it: blocked, with their names', async () => {
    const api = guarded({ deletionPolicy: 'Delete' }, claim('in', 1), reader('train', 'in'))
    const seen: Sweep[] = []
    const mover = store(seen)
    await run(api, minute, mover)
    expect(statusOf(api)?.conditions?.find(({ type }) => type === 'Ready')?.message).toContain('train')
    expect(seen).toEqual([])
    api.change<PodObject>(kinds.Pod, namespace, 'train', (pod) => {
      pod.status = { phase: 'Failed' }
    })
    await run(api, 10 * minute, mover)
    expect(api.find(kinds.Dataset, namespace, 'mnist')).toBeUndefined()
  })

  test.each([
    ['the keys are gone', 'CredentialsMissing', 30 * minute],
    ['the store does not answer', 'Unreachable', 60 * minute],
  ] as const)('never waits for good: %s', async (_, reason, horizon) => {
    const api = guarded({ deletionPolicy: 'Delete' })
    const fails = (): MoveFailed => ({ op: 'Sweep', outcome: 'Failed', reason, message: 'no' })
    const driven = await run(api, horizon, store([], fails))
    expect(api.find(kinds.Dataset, namespace, 'mnist')).toBeUndefined()
    expect(driven.events.map((event) => event.reason)).toContain('BytesKept')
  })

  test('by default keeps every byte, and runs nothing', async () => {
    const seen: Sweep[] = []
    const api = guarded({})
    await run(api, 10 * minute, store(seen))
    expect(seen).toEqual([])
    expect(api.find(kinds.Dataset, namespace, 'mnist')).toBeUndefined()
  })
})

test('the store is cleaned up once a day, and on request; a dry run says what it would do', async () => {
  const seen: Sweep[] = []
  const api = scene({}, [version(1)])
  const mover = store(seen)
  await run(api, 60 * minute, mover)
  const before = seen.length
  await run(api, 3 * 24 * 60 * minute, mover)
  expect(seen.length - before).toBeGreaterThanOrEqual(2)
  expect(seen.at(-1)).toMatchObject({ all: true, quiet: true })
  api.change(kinds.Dataset, namespace, 'mnist', (one) => {
    one.metadata.annotations = { [annotations.sweepRequestedAt]: 'now dry-run' }
  })
  const driven = await run(api, minute, mover)
  expect(seen.at(-1)).toMatchObject({ all: true, dryRun: true })
  expect(driven.events.map(({ message }) => message)).toContain('Would remove 0 objects, 0 B.')
  expect(api.all<JobObject>(kinds.Job)).toEqual([])
})
