import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Dataset } from '../../../src/api/dataset.ts'
import type { DatasetVersion } from '../../../src/api/dataset-version.ts'
import * as kinds from '../../../src/api/kinds.ts'
import { annotations } from '../../../src/api/names.ts'
import { datasetController, indexes } from '../../../src/controllers/dataset/index.ts'
import type { ClaimObject } from '../../../src/desired/objects.ts'
import { isApiError } from '../../../src/kube/api-error.ts'
import { liveReader } from '../../../src/kube/reader.ts'
import { reconcileOnce } from '../../../src/kube/reconcile.ts'
import type { IndexFunction, Kind, KubeObject, Reader } from '../../../src/kube/types.ts'
import { drive } from '../../helpers/drive.ts'
import { CrashError } from '../../helpers/model/call.ts'
import type { ModelApi } from '../../helpers/model-api.ts'
import {
  calmMover,
  commitImports,
  config,
  digest,
  helpers,
  modelWith,
  namespace,
  outputClaim,
  provider,
  withHelpers,
  withSource,
  writer,
} from './actors.ts'

/** Caches that are behind, each kind by as many changes as asked for, even behind what the controller itself wrote. */
class Behind {
  readonly #history: KubeObject[][] = []

  constructor(api: ModelApi) {
    this.#history.push(api.all())
    api.listen(() => this.#history.push(api.all()))
  }

  reader(lags: Record<string, number>): Reader {
    const all = (kind: Kind, inNamespace?: string) => {
      const at = Math.max(this.#history.length - 1 - (lags[kind.kind] ?? 0), 0)
      return (this.#history[at] ?? []).filter(
        (object) =>
          object.kind === kind.kind && (inNamespace === undefined || object.metadata.namespace === inNamespace),
      )
    }
    const table: Partial<Record<string, Record<string, IndexFunction>>> = indexes
    return {
      live: false,
      get: async <T extends KubeObject>(kind: Kind, inNamespace: string | undefined, name: string) =>
        all(kind, inNamespace).find((object) => object.metadata.name === name) as T | undefined,
      list: async <T extends KubeObject>(kind: Kind, inNamespace?: string) => all(kind, inNamespace) as T[],
      byIndex: async <T extends KubeObject>(kind: Kind, index: string, key: string) =>
        all(kind).filter((object) => table[kind.plural]?.[index]?.(object).includes(key)) as T[],
      lastLogLine: async () => undefined,
    }
  }
}

type Deed =
  | { deed: 'look'; lags: Record<string, number>; crash?: number | undefined }
  | {
      deed: 'claim' | 'unclaim' | 'version' | 'source' | 'import' | 'commit' | 'mount' | 'drop' | 'mover'
      which: number
    }

const lag = fc.integer({ min: 0, max: 12 })
const deeds: fc.Arbitrary<Deed[]> = fc.array(
  fc.oneof(
    {
      weight: 6,
      arbitrary: fc.record({
        deed: fc.constant('look' as const),
        lags: fc.record({ Dataset: lag, DatasetVersion: lag, PersistentVolumeClaim: lag, Pod: lag, Job: lag }),
        crash: fc.option(fc.integer({ min: 1, max: 4 }), { nil: undefined }),
      }),
    },
    {
      weight: 4,
      arbitrary: fc.record({
        deed: fc.constantFrom(
          ...(['claim', 'unclaim', 'version', 'source', 'import', 'commit', 'mount', 'drop', 'mover'] as const),
        ),
        which: fc.nat(3),
      }),
    },
  ),
  { minLength: 20, maxLength: 80 },
)

const versions = (api: ModelApi) => api.all<DatasetVersion>(kinds.DatasetVersion)

test('no number is given twice, whatever order things come in, however far caches are behind, wherever it crashes', async () => {
  await fc.assert(
    fc.asyncProperty(deeds, async (list) => {
      const api = modelWith(provider(), withSource())
      let fingerprint = 0
      let made = 0
      const mover = calmMover(() => `f${fingerprint}`)
      const controllers = () => [datasetController(config) as never, ...helpers()]
      // The store is known to be free, and the first import has its number.
      await drive(api, { controllers, indexes: withHelpers(indexes), actors: [mover], horizon: 60_000 })
      const behind = new Behind(api)
      const owners = new Map<number, string>()
      api.listen((object) => {
        const { status, metadata } = (object ?? {}) as DatasetVersion
        if (object?.kind !== 'DatasetVersion' || status?.sequence === undefined) return
        expect(owners.get(status.sequence) ?? metadata.uid, `v${status.sequence}`).toBe(metadata.uid)
        owners.set(status.sequence, metadata.uid ?? '')
      })
      const kindKeys: Record<string, string> = {
        volumesnapshots: 'volumesnapshots.snapshot.storage.k8s.io',
        jobs: 'jobs.batch',
        datasetversions: 'datasetversions.granary.dev',
      }
      const table = new Map(Object.entries(indexes).map(([plural, each]) => [kindKeys[plural] ?? plural, each]))
      const look = async (deed: Extract<Deed, { deed: 'look' }>) => {
        const start = api.calls.length
        api.fault = (call) => (deed.crash === call.n - start ? 'after' : undefined)
        const reader = behind.reader(deed.lags)
        const deps = {
          client: api,
          recorder: { record: () => {} },
          fieldManager: 'granary-dataset',
          cached: reader,
          live: () => liveReader(api, table),
          now: () => api.now,
        }
        try {
          await reconcileOnce(deps, datasetController(config) as never, `${namespace}/mnist`)
        } catch (error) {
          if (!(error instanceof CrashError) && !isApiError(error, () => true)) throw error
        }
        api.fault = () => undefined
      }
      const others: Record<Exclude<Deed['deed'], 'look'>, (which: number) => unknown> = {
        claim: (which) =>
          api.find(kinds.Claim, namespace, `out${which}`) === undefined &&
          api.seed(outputClaim(`out${which}`, { [annotations.version]: 'none' })),
        unclaim: (which) => api.remove(kinds.Claim, namespace, `out${which}`),
        version: () =>
          api.seed({
            apiVersion: kinds.apiVersion,
            kind: 'DatasetVersion',
            metadata: { name: `by-hand-${made++}`, namespace },
            spec: { dataset: 'mnist' },
          } as DatasetVersion),
        source: () => {
          fingerprint++
          api.change<Dataset>(kinds.Dataset, namespace, 'mnist', (object) => {
            object.metadata.annotations = { [annotations.syncRequestedAt]: `${fingerprint}` }
          })
        },
        import: () => commitImports(() => `f${fingerprint}`)(api),
        commit: (which) => {
          const one = versions(api).filter((version) => version.status?.sequence !== undefined)[which]
          if (one)
            api.change<DatasetVersion>(kinds.DatasetVersion, namespace, one.metadata.name, (object) => {
              Object.assign(object.status as object, { phase: 'Committed', digest: digest('a') })
            })
        },
        mount: (which) =>
          api.find(kinds.Pod, namespace, `pod${which}`) === undefined && api.seed(writer(`pod${which}`, `out${which}`)),
        drop: (which) => {
          const one = versions(api)[which]
          if (one) api.remove(kinds.DatasetVersion, namespace, one.metadata.name)
        },
        mover: () => drive(api, { controllers: helpers, indexes: withHelpers({}), actors: [mover], horizon: 0 }),
      }
      for (const deed of list) {
        api.now += 500
        if (deed.deed === 'look') await look(deed)
        else await others[deed.deed](deed.which)
      }
      await drive(api, { controllers, indexes: withHelpers(indexes), actors: [mover], horizon: 60_000 })
      for (const version of versions(api)) expect(version.status?.sequence, version.metadata.name).toBeDefined()
      for (const claim of api.all<ClaimObject>(kinds.Claim))
        expect(claim.metadata.annotations?.[annotations.openVersion], claim.metadata.name).toBeDefined()
      const status = api.find<Dataset>(kinds.Dataset, namespace, 'mnist')?.status
      expect(status?.nextSequence).toBeGreaterThan(Math.max(0, ...owners.keys()))
    }),
    { numRuns: 25 },
  )
}, 60_000)
