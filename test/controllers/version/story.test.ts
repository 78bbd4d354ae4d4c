import { describe, expect, test } from 'vitest'
import type { Dataset } from '../../../src/api/dataset.ts'
import { type DatasetVersion, DatasetVersionStatus } from '../../../src/api/dataset-version.ts'
import * as kinds from '../../../src/api/kinds.ts'
import { annotations } from '../../../src/api/names.ts'
import type { ClaimObject, JobObject, PodObject } from '../../../src/desired/objects.ts'
import { rescuedAnnotation } from '../../../src/desired/volumes.ts'
import { drive } from '../../helpers/drive.ts'
import type { ModelApi } from '../../helpers/model-api.ts'
import {
  type Asked,
  binder,
  fails,
  house,
  inTurn,
  job,
  movers,
  ns,
  once,
  options,
  output,
  pod,
  sha,
  statusOf,
  succeeds,
  version,
} from './scene.ts'

const run = (api: ModelApi, ...actors: ((model: ModelApi) => boolean)[]) =>
  drive(api, { ...options, actors: [inTurn(...actors)], limit: 500 }).then((driven) => {
    // The API server refuses a status with a field that the schema doesn't know.
    for (const { status } of api.all<DatasetVersion>(kinds.DatasetVersion))
      expect(DatasetVersionStatus.parse(status)).toEqual(status)
    return driven
  })
const end = (api: ModelApi, name: string, condition: 'Complete' | 'Failed') =>
  api.change<JobObject>(kinds.Job, ns, name, (each) => {
    each.status = { conditions: [{ type: condition, status: 'True' }] }
  })
const phase = (api: ModelApi, name: string, next: string, exitCode = 0) =>
  api.change<PodObject>(kinds.Pod, ns, name, (each) => {
    each.status = { phase: next, containerStatuses: [{ name: 'main', state: { terminated: { exitCode } } }] }
  })
const phases = (driven: { events: { reason: string }[] }) => driven.events.map((event) => event.reason)
const reason = (api: ModelApi, type: string, name?: string) =>
  statusOf(api, name)?.conditions?.find((condition) => condition.type === type)?.reason
const moverUsers = (api: ModelApi) =>
  api
    .all<PodObject>(kinds.Pod, ns)
    .filter((each) => each.metadata.labels?.['granary.dev/role'] === 'mover')
    .map((each) => each.spec?.securityContext?.runAsUser)
/** The dataset controller writes down that the version goes. */
const bury = (api: ModelApi, sequence: number) =>
  api.change<Dataset>(kinds.Dataset, ns, 'mnist', (dataset) => {
    const at = '2026-01-01T00:00:00Z'
    const tombstone = {
      version: `v${sequence}`,
      sequence,
      name: `mnist-v${sequence}`,
      reason: 'Deleted' as const,
      at,
      until: at,
    }
    dataset.status = { ...dataset.status, tombstones: [tombstone] }
  })
const left = (api: ModelApi) => api.all<JobObject>(kinds.Job, ns).map((each) => each.metadata.name)

describe('an import', () => {
  test('goes from Initializing to Committed and leaves nothing behind', async () => {
    const api = house()
    api.seed(version('mnist-v1', 1, { from: { source: {} } }))
    const asked: Asked = []
    const driven = await run(api, movers(succeeds, asked))
    expect(driven.errors).toEqual([])
    expect(statusOf(api, 'mnist-v1')).toMatchObject({
      phase: 'Committed',
      digest: sha('d'),
      rootDigest: sha('e'),
      files: 3,
      bytes: 2048,
      size: '2.0 KiB',
      import: { mode: 'Copy', fingerprint: 'f1' },
      producedBy: { kind: 'Sync', name: 'mnist', source: 's3://team-data/public/', listing: 'f1' },
    })
    expect(reason(api, 'Ready', 'mnist-v1')).toBe('Committed')
    expect(left(api)).toEqual([])
    expect(phases(driven)).toEqual(['Initializing', 'Committed'])
    expect(asked).toHaveLength(1)
    expect(asked[0]).toMatchObject({
      op: 'Import',
      store: { prefix: 'granary/vision/mnist/', credentials: 'Files' },
      source: { prefix: 'public/' },
      intent: { sequence: 1, producer: { kind: 'Sync', source: 's3://team-data/public/' } },
      mode: 'Auto',
    })
  })

  test('waits for its number', async () => {
    const api = house()
    api.seed(version('mnist-v1', undefined, { from: { source: {} } }))
    await run(api, movers())
    expect(statusOf(api, 'mnist-v1')?.phase).toBe('Pending')
    expect(left(api)).toEqual([])
  })

  test('is tried again with growing pauses until it works', async () => {
    const api = house()
    api.seed(version('mnist-v1', 1, { from: { source: {} } }))
    const asked: Asked = []
    const start = api.now
    await run(
      api,
      movers((spec, n) => (n <= 3 ? fails('Unreachable', 'Import')(spec, n) : succeeds(spec, n)), asked),
    )
    expect(asked).toHaveLength(4)
    expect(new Set(asked.map((spec) => JSON.stringify(spec))).size).toBe(1)
    expect(statusOf(api, 'mnist-v1')?.phase).toBe('Committed')
    expect(api.now - start).toBeGreaterThanOrEqual(7000)
  })

  test('a mover that dies without a word runs again', async () => {
    const api = house()
    api.seed(version('mnist-v1', 1, { from: { source: {} } }))
    await run(
      api,
      movers((spec, n) => (n === 1 ? 'die' : succeeds(spec, n))),
    )
    expect(statusOf(api, 'mnist-v1')?.phase).toBe('Committed')
  })

  test('keys that can be no files fail it for good', async () => {
    const api = house()
    api.seed(version('mnist-v1', 1, { from: { source: {} } }))
    const asked: Asked = []
    await run(api, movers(fails('InvalidKeys', 'Import'), asked))
    expect(statusOf(api, 'mnist-v1')).toMatchObject({ phase: 'Failed', lastFailure: { reason: 'InvalidKeys' } })
    expect(reason(api, 'Stalled', 'mnist-v1')).toBe('InvalidKeys')
    expect(asked).toHaveLength(1)
    expect(left(api)).toEqual([])
  })

  test('the content of the latest version makes no new one', async () => {
    const api = house()
    api.seed(version('mnist-v1', 1, { from: { source: {} } }))
    await run(
      api,
      movers((spec, n) => ({ ...(succeeds(spec, n) as object), outcome: 'Unchanged' }) as never),
    )
    expect(statusOf(api, 'mnist-v1')).toMatchObject({ phase: 'Abandoned', import: { fingerprint: 'f1' } })
    expect(reason(api, 'Committed', 'mnist-v1')).toBe('Unchanged')
    expect(left(api)).toEqual([])
  })
})

describe('a claim that a Job writes to', () => {
  test('commits when the Job has succeeded, with what it read and who made it', async () => {
    const api = house()
    output(api, { message: 'first', tags: ['candidate'] })
    api.seed({
      apiVersion: 'v1',
      kind: 'PersistentVolumeClaim',
      metadata: {
        name: 'in',
        namespace: ns,
        annotations: {
          [annotations.resolved]: JSON.stringify({ ref: 'vision/mnist:latest', version: 'v1', digest: sha('a') }),
        },
      },
      status: { phase: 'Bound' },
    } as ClaimObject)
    const train = api.seed(job('train'))
    api.seed(
      pod('train-1', 'Running', { owner: train, inputs: ['in'], securityContext: { runAsUser: 1000, fsGroup: 2000 } }),
    )
    const asked: Asked = []
    const driven = await run(
      api,
      movers(succeeds, asked),
      once(
        (model) => {
          expect(statusOf(model)?.phase).toBe('Running')
          phase(model, 'train-1', 'Succeeded')
        },
        (model) => {
          expect(statusOf(model)?.phase).toBe('Running')
          end(model, 'train', 'Complete')
        },
      ),
    )
    expect(driven.errors).toEqual([])
    expect(statusOf(api)).toMatchObject({
      phase: 'Committed',
      users: [{ kind: 'Job', name: 'train', outcome: 'Succeeded' }],
      producedBy: { kind: 'Job', name: 'train' },
      inputs: [{ ref: 'vision/mnist:latest', version: 'v1' }],
      writer: { runAsUser: 1000, fsGroup: 2000 },
    })
    expect(phases(driven)).toEqual(['Running', 'Finalizing', 'Committed'])
    expect(asked[0]).toMatchObject({
      op: 'Finalize',
      intent: { sequence: 2, message: 'first', tags: ['candidate'], producer: { name: 'train' } },
    })
    expect(left(api)).toEqual(['train'])
    expect(api.find(kinds.Claim, ns, 'out')).toBeDefined()
    expect(api.find(kinds.DatasetVersion, ns, 'mnist-v2')?.metadata.finalizers).toEqual(['granary.dev/version'])
  })

  test('knows what its volume started with, as the claim says', async () => {
    const api = house()
    const content = { sequence: 1, digest: sha('a'), root: sha('b'), files: 3, bytes: 14 }
    const resolved = { ref: 'vision/mnist:v1', version: 'v1', digest: sha('a'), content }
    output(api, { base: 'v1' }, { annotations: { [annotations.resolved]: JSON.stringify(resolved) } })
    api.seed(pod('shell', 'Succeeded'))
    const asked: Asked = []
    await run(api, movers(succeeds, asked))
    expect(asked[0]).toMatchObject({ op: 'Finalize', base: { sequence: 1, root: sha('b'), digest: sha('a') } })
    expect(statusOf(api)?.base).toEqual({ sequence: 1, root: sha('b'), digest: sha('a') })
  })

  test('a drained pod that its Job replaces makes one version', async () => {
    const api = house()
    output(api)
    const train = api.seed(job('train'))
    api.seed(pod('train-1', 'Running', { owner: train }))
    const asked: Asked = []
    await run(
      api,
      movers(succeeds, asked),
      once(
        (model) => phase(model, 'train-1', 'Failed', 143),
        (model) => model.remove(kinds.Pod, ns, 'train-1'),
        (model) => {
          expect(statusOf(model)?.phase).toBe('Running')
          model.seed(pod('train-2', 'Running', { owner: train }))
        },
        (model) => phase(model, 'train-2', 'Succeeded'),
        (model) => end(model, 'train', 'Complete'),
      ),
    )
    expect(statusOf(api)?.phase).toBe('Committed')
    expect(asked).toHaveLength(1)
  })

  test('a failed Job leaves an uncommitted version, which a person commits', async () => {
    const api = house()
    output(api)
    const train = api.seed(job('train'))
    api.seed(pod('train-1', 'Failed', { owner: train }))
    const asked: Asked = []
    await run(
      api,
      movers(succeeds, asked),
      once(
        (model) => end(model, 'train', 'Failed'),
        (model) => {
          expect(statusOf(model)?.phase).toBe('Uncommitted')
          expect(reason(model, 'Committed')).toBe('ProducerFailed')
          expect(asked).toEqual([])
          model.change(kinds.DatasetVersion, ns, 'mnist-v2', (each) => {
            ;(each as never as { spec: { committed: boolean } }).spec.committed = true
          })
        },
      ),
    )
    expect(statusOf(api)?.phase).toBe('Committed')
  })

  test('a Job deleted while it runs does not commit; its bytes are dropped by name only', async () => {
    const api = house()
    output(api)
    const train = api.seed(job('train'))
    api.seed(pod('train-1', 'Running', { owner: train }))
    await run(
      api,
      movers(),
      once(
        (model) => model.remove(kinds.Job, ns, 'train'),
        (model) => {
          expect(statusOf(model)?.phase).toBe('Uncommitted')
          expect(reason(model, 'Committed')).toBe('OwnerDeleted')
          model.change(kinds.DatasetVersion, ns, 'mnist-v2', (each) => {
            each.metadata.annotations = { ...each.metadata.annotations, [annotations.abandon]: each.metadata.uid ?? '' }
          })
        },
      ),
    )
    expect(statusOf(api)?.phase).toBe('Abandoned')
    expect(api.find(kinds.DatasetVersion, ns, 'mnist-v2')?.metadata.finalizers ?? []).toEqual([])
  })

  test('a pod that mounts the claim again stops the upload; nothing is lost', async () => {
    const api = house()
    output(api)
    api.seed(pod('shell', 'Succeeded'))
    const asked: Asked = []
    const finalizing = (model: ModelApi) => {
      const running = model
        .all<PodObject>(kinds.Pod, ns)
        .some((each) => each.metadata.labels?.['granary.dev/role'] === 'mover' && each.status?.phase === 'Pending')
      if (!running || model.find(kinds.Pod, ns, 'again')) return false
      model.seed(pod('again', 'Running'))
      return true
    }
    const driven = await run(
      api,
      finalizing,
      (model) => {
        if (statusOf(model)?.phase !== 'Running' || model.find(kinds.Pod, ns, 'again') === undefined) return false
        const again = model.find<PodObject>(kinds.Pod, ns, 'again')
        if (again?.status?.phase !== 'Running') return false
        expect(left(model)).toEqual([])
        phase(model, 'again', 'Succeeded')
        return true
      },
      movers(succeeds, asked),
    )
    expect(driven.errors).toEqual([])
    expect(phases(driven)).toEqual(['Running', 'Finalizing', 'Running', 'Finalizing', 'Committed'])
    expect(statusOf(api)?.users?.map((user) => user.name)).toEqual(['shell', 'again'])
  })

  test('an empty output is not committed, and is when that is allowed later', async () => {
    const api = house()
    output(api)
    api.seed(pod('shell', 'Succeeded'))
    const asked: Asked = []
    await run(
      api,
      movers((spec, n) => (n === 1 ? fails('EmptyOutput')(spec, n) : succeeds(spec, n)), asked),
      once((model) => {
        expect(statusOf(model)?.phase).toBe('Uncommitted')
        expect(asked).toHaveLength(1)
        model.change(kinds.Dataset, ns, 'mnist', (each) => {
          ;(each as never as { spec: Record<string, unknown> }).spec.outputs = { allowEmpty: true }
        })
      }),
    )
    expect(statusOf(api)?.phase).toBe('Committed')
    expect(asked[1]).toMatchObject({ allowEmpty: true })
  })

  test('unreadable files are said, and tried again when the namespace allows a mover that is root', async () => {
    const api = house()
    output(api)
    api.seed(pod('shell', 'Succeeded', { securityContext: { runAsUser: 0 } }))
    const uids: unknown[] = []
    await run(
      api,
      (model) => {
        for (const each of model.all<PodObject>(kinds.Pod, ns))
          if (each.metadata.labels?.['granary.dev/role'] === 'mover' && each.status?.phase === 'Pending')
            uids.push(each.spec?.securityContext?.runAsUser)
        return false
      },
      movers((spec, n) => (n === 1 ? fails('UnreadableFiles')(spec, n) : succeeds(spec, n))),
      once((model) => {
        expect(statusOf(model)?.phase).toBe('Finalizing')
        expect(reason(model, 'Stalled')).toBe('UnreadableFiles')
        model.change(kinds.Namespace, undefined, ns, (each) => {
          each.metadata.annotations = { [annotations.privilegedMovers]: 'true' }
        })
      }),
    )
    expect(statusOf(api)?.phase).toBe('Committed')
    expect([...new Set(uids)]).toEqual([65532, 0])
  })
})

describe('deletions', () => {
  test('the claim goes after its writer succeeded: committed from the rescue claim', async () => {
    const api = house()
    output(api)
    api.change(kinds.Claim, ns, 'out', (claim) => {
      claim.metadata.finalizers = ['granary.dev/finalize']
    })
    api.seed(pod('shell', 'Succeeded'))
    api.remove(kinds.Claim, ns, 'out')
    const mounted: unknown[] = []
    await run(
      api,
      movers((spec, n) => {
        for (const each of api.all<PodObject>(kinds.Pod, ns))
          if (each.metadata.labels?.['granary.dev/role'] === 'mover')
            mounted.push(each.spec?.volumes?.find((volume) => volume.name === 'data')?.persistentVolumeClaim?.claimName)
        return succeeds(spec, n)
      }),
      once((model) => {
        expect(statusOf(model)?.phase).toBe('Finalizing')
        expect(left(model)).toEqual([])
        model.seed({
          apiVersion: 'v1',
          kind: 'PersistentVolumeClaim',
          metadata: { name: 'rescue-pv', namespace: ns },
          status: { phase: 'Bound' },
        } as ClaimObject)
        model.change(kinds.Claim, ns, 'out', (claim) => {
          claim.metadata.annotations = { ...claim.metadata.annotations, [annotations.rescue]: 'rescue-pv' }
        })
      }),
    )
    expect(mounted).toEqual(['rescue-pv'])
    expect(statusOf(api)).toMatchObject({ phase: 'Committed', claimName: 'rescue-pv' })
  })

  test('the claim goes before anybody wrote: nothing to commit', async () => {
    const api = house()
    output(api)
    await run(
      api,
      movers(),
      once((model) => model.remove(kinds.Claim, ns, 'out')),
    )
    expect(statusOf(api)?.phase).toBe('Abandoned')
  })

  test('the version is deleted while a pod writes: committed, then gone', async () => {
    const api = house()
    output(api)
    api.seed(pod('shell', 'Running'))
    const asked: Asked = []
    await run(
      api,
      movers(succeeds, asked),
      once(
        (model) => model.remove(kinds.DatasetVersion, ns, 'mnist-v2'),
        (model) => {
          expect(reason(model, 'DeletionBlocked')).toBe('DeletionBlocked')
          phase(model, 'shell', 'Succeeded')
        },
        (model) => {
          expect(statusOf(model)?.phase).toBe('Deleting')
          bury(model, 2)
        },
      ),
    )
    expect(asked).toHaveLength(1)
    expect(statusOf(api)).toBeUndefined()
  })

  test('the version is deleted before anybody wrote: gone', async () => {
    const api = house()
    output(api)
    await run(
      api,
      movers(),
      once((model) => model.remove(kinds.DatasetVersion, ns, 'mnist-v2')),
    )
    expect(statusOf(api)).toBeUndefined()
  })

  test('the namespace is deleted: the version lets go when its bytes were taken elsewhere', async () => {
    const api = house()
    output(api)
    api.change(kinds.Claim, ns, 'out', (claim) => {
      claim.metadata.finalizers = ['granary.dev/finalize']
    })
    api.seed(pod('shell', 'Running'))
    const asked: Asked = []
    const driven = await run(
      api,
      movers(succeeds, asked),
      once(
        (model) => model.remove(kinds.Namespace, undefined, ns),
        (model) => {
          expect(statusOf(model)).toBeDefined()
          model.change(kinds.Claim, ns, 'out', (claim) => {
            claim.metadata.finalizers = []
          })
        },
      ),
    )
    expect(driven.errors).toEqual([])
    expect(asked).toEqual([])
    expect(api.find(kinds.Namespace, undefined, ns)).toBeUndefined()
  })
})

describe("a person's version", () => {
  test('gets a claim of its own, which goes when it is committed', async () => {
    const api = house({ outputs: { volume: { size: '5Gi', storageClassName: 'fast' } } })
    api.seed(version('cleaned', 2, { base: 'latest', volume: { size: '7Gi' } }))
    await run(
      api,
      binder,
      once(
        (model) => {
          expect(statusOf(model, 'cleaned')).toMatchObject({ phase: 'Running', claimName: 'cleaned' })
          expect(model.find(kinds.Claim, ns, 'cleaned')).toMatchObject({
            metadata: { annotations: { [annotations.access]: 'ReadWrite', [annotations.version]: 'latest' } },
            spec: { storageClassName: 'fast', resources: { requests: { storage: '7Gi' } } },
          })
          model.change(kinds.Claim, ns, 'cleaned', (claim) => {
            claim.metadata.finalizers = []
          })
          model.seed(pod('shell', 'Succeeded', { claim: 'cleaned' }))
        },
        () => undefined,
      ),
      movers(),
    )
    expect(statusOf(api, 'cleaned')?.phase).toBe('Committed')
    expect(api.find(kinds.Claim, ns, 'cleaned')).toBeUndefined()
  })

  test('from a claim: commits when nobody writes', async () => {
    const api = house()
    output(api)
    api.remove(kinds.DatasetVersion, ns, 'mnist-v2')
    api.seed(version('from-workspace', 3, { from: { claim: { name: 'out', path: 'data' } } }))
    api.seed(pod('notebook', 'Running'))
    const asked: Asked = []
    await run(
      api,
      movers(succeeds, asked),
      once((model) => {
        expect(asked).toEqual([])
        model.remove(kinds.Pod, ns, 'notebook')
      }),
    )
    expect(statusOf(api, 'from-workspace')?.phase).toBe('Committed')
  })

  test('a version of rescued bytes waits for its claim, and is read as its writer wrote it', async () => {
    const api = house()
    api.seed(
      version('rescued', 3, { commit: 'Manual', committed: true }, { annotations: { [annotations.claim]: 'rescued' } }),
    )
    const asked: Asked = []
    const users: unknown[] = []
    await run(
      api,
      once((model) => {
        expect(statusOf(model, 'rescued')?.phase).not.toBe('Abandoned')
        const notes = { namespace: 'gone', writer: { runAsUser: 1000 } }
        model.seed({
          apiVersion: 'v1',
          kind: 'PersistentVolumeClaim',
          metadata: { name: 'rescued', namespace: ns, annotations: { [rescuedAnnotation]: JSON.stringify(notes) } },
          status: { phase: 'Bound' },
        } as ClaimObject)
      }),
      (model) => {
        users.push(...moverUsers(model))
        return false
      },
      movers(succeeds, asked),
    )
    expect(statusOf(api, 'rescued')?.phase).toBe('Committed')
    expect(users[0]).toBe(1000)
  })

  test('an expected parent that is not the latest is not committed by itself', async () => {
    const api = house()
    api.seed(version('mnist-v1', 1, {}, { status: { phase: 'Committed', digest: sha('1'), rootDigest: sha('2') } }))
    output(api, { expectedParent: 'v7' })
    api.seed(pod('shell', 'Succeeded'))
    await run(api, movers())
    expect(statusOf(api)?.phase).toBe('Uncommitted')
    expect(reason(api, 'Committed')).toBe('ParentMoved')
  })
})

describe('after the commit', () => {
  test('the newest version of a workload is mirrored where writeBack says', async () => {
    const api = house({ writeBack: { provider: 'team', prefix: 'public/mirror/', prune: true } })
    output(api)
    api.seed(pod('shell', 'Succeeded'))
    const asked: Asked = []
    await run(
      api,
      movers(
        (spec, n) => (spec.op === 'Mirror' && n === 1 ? fails('Unreachable', 'Mirror')(spec, n) : succeeds(spec, n)),
        asked,
      ),
    )
    expect(asked.map((spec) => spec.op)).toEqual(['Finalize', 'Mirror', 'Mirror'])
    expect(asked[1]).toMatchObject({
      version: { sequence: 2 },
      destination: { name: 'destination', prefix: 'public/mirror/' },
      prune: true,
      onConflict: 'Fail',
    })
    expect(statusOf(api)?.mirror).toMatchObject({ location: 's3://team-data/public/mirror/', written: 3 })
    expect(reason(api, 'Mirrored')).toBe('Mirrored')
    expect(reason(api, 'Ready')).toBe('Committed')
    expect(left(api)).toEqual([])
  })

  test.each([
    ['Copy', { toSource: true }, { imported: { sequence: 1 }, referred: false, exclude: ['*.tmp'] }],
    ['Reference', { toSource: true }, { imported: { sequence: 1 }, referred: true, exclude: ['*.tmp'] }],
    ['Copy', { provider: 'team', prefix: 'public/' }, { imported: { sequence: 1 }, referred: false }],
    ['Copy', { provider: 'team', prefix: 'public/sub/' }, undefined],
  ])('written back where its own source is (%s, %j)', async (mode, writeBack, ownSource) => {
    const api = house({ writeBack, source: { provider: 'team', prefix: 'public/', exclude: ['*.tmp'] } })
    api.change<Dataset>(kinds.Dataset, ns, 'mnist', ({ status }) => {
      Object.assign(status!, { import: { mode, reason: 'chosen' } })
    })
    api.seed(
      version(
        'mnist-v1',
        1,
        { from: { source: {} } },
        { status: { phase: 'Committed', digest: sha('1'), rootDigest: sha('2'), files: 3, bytes: 9 } },
      ),
    )
    output(api)
    api.seed(pod('shell', 'Succeeded'))
    const asked: Asked = []
    await run(api, movers(succeeds, asked))
    const move = asked.find((spec) => spec.op === 'Mirror')
    expect(move).toMatchObject({ destination: { name: 'destination' } })
    if (ownSource === undefined) expect(move).not.toHaveProperty('ownSource')
    else expect(move).toMatchObject({ ownSource })
    expect(statusOf(api)?.mirror?.fingerprint).toBe('as written')
  })

  test('where versions point at objects, nothing goes into or around their prefix', async () => {
    const api = house({ writeBack: { provider: 'team', prefix: 'public/sub/' } })
    api.change<Dataset>(kinds.Dataset, ns, 'mnist', ({ status }) => {
      Object.assign(status!, { import: { mode: 'Reference', reason: 'chosen' } })
    })
    output(api)
    api.seed(pod('shell', 'Succeeded'))
    const asked: Asked = []
    await run(api, movers(succeeds, asked))
    expect(reason(api, 'Mirrored')).toBe('WriteBackWouldOverwrite')
    expect(asked.map((spec) => spec.op)).toEqual(['Finalize'])
  })

  test('a version that was found in the store is committed as its record says', async () => {
    const api = house()
    const entry = { n: 4, digest: sha('1'), root: sha('2'), files: 9, bytes: 10, at: '2025-01-01T00:00:00Z' }
    api.seed(version('mnist-v4', 4, {}, { annotations: { [annotations.adopted]: JSON.stringify(entry) } }))
    const driven = await run(api, movers())
    expect(statusOf(api, 'mnist-v4')).toMatchObject({
      phase: 'Committed',
      digest: sha('1'),
      committedAt: '2025-01-01T00:00:00Z',
    })
    expect(driven.errors).toEqual([])
  })

  test('a tag that the Dataset declares elsewhere is said', async () => {
    const api = house({ tags: { prod: 'v1' } })
    output(api, { tags: ['prod'] })
    api.seed(pod('shell', 'Succeeded'))
    await run(api, movers())
    expect(reason(api, 'TagShadowed')).toBe('TagShadowed')
  })
})
