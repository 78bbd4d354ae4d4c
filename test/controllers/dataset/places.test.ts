import { describe, expect, test, vi } from 'vitest'
import { findCondition } from '../../../src/api/conditions.ts'
import type { Dataset } from '../../../src/api/dataset.ts'
import * as kinds from '../../../src/api/kinds.ts'
import { finalizers } from '../../../src/api/names.ts'
import { datasetController, indexes } from '../../../src/controllers/dataset/index.ts'
import type { ClaimObject, JobObject, PodObject } from '../../../src/desired/objects.ts'
import type { Claim, Volume } from '../../../src/desired/volumes.ts'
import { type Actor, crashEverywhere, type DriveOptions, drive } from '../../helpers/drive.ts'
import type { ModelApi } from '../../helpers/model-api.ts'
import {
  calmMover,
  config,
  dataset,
  helpers,
  kubelet,
  modelWith,
  namespace,
  nothingStored,
  provider,
  withHelpers,
  writer,
} from './actors.ts'

vi.setConfig({ testTimeout: 120_000 })

const options = (more: object, ...actors: Actor[]): DriveOptions => ({
  controllers: () => [datasetController({ ...config, ...more }) as never, ...helpers(more)],
  indexes: withHelpers(indexes),
  actors: [calmMover(() => 'one'), ...actors],
  horizon: 120_000,
})
const find = (api: ModelApi, name = 'mnist') => api.find<Dataset>(kinds.Dataset, namespace, name)
const said = (api: ModelApi, type: string, name = 'mnist') => {
  const found = findCondition(find(api, name)?.status?.conditions, type)
  return found && `${found.status} ${found.reason}: ${found.message}`
}
const claims = (api: ModelApi) => api.all<Claim>(kinds.Claim)
const volumes = (api: ModelApi) => api.all<Volume>(kinds.Volume)

/** Plays the binder: a volume for this very claim, and a claim that names it, are bound. */
const binder: Actor = (api) => {
  let acted = false
  for (const claim of claims(api)) {
    const { name, uid } = claim.metadata
    const fits = volumes(api).some(
      ({ metadata, spec }) => spec.claimRef?.uid === uid && claim.spec.volumeName === metadata.name,
    )
    if (!fits || claim.status?.phase === 'Bound') continue
    api.change<Claim>(kinds.Claim, namespace, name, (object) => {
      object.status = { phase: 'Bound' }
    })
    acted = true
  }
  return acted
}
const mounting = (source: object) => dataset({ source, import: 'Mount' })
const here = { hostPath: { path: '/mnt/data/set' } }
const allow = { allowHostPath: ['/srv', '/mnt/data'] }

describe('import: Mount', () => {
  test('one read-only volume for one claim, wherever the operator dies; no look, no version', async () => {
    await crashEverywhere(() => modelWith(provider(), mounting(here)), {
      ...options(allow, binder),
      check: (api) => {
        const uid = find(api)?.metadata.uid
        expect(claims(api).map(({ metadata, spec }) => [metadata.name, spec.accessModes, spec.volumeName])).toEqual([
          ['mnist-live', ['ReadOnlyMany'], `granary-live-${uid}`],
        ])
        const [volume] = volumes(api)
        expect(volumes(api)).toHaveLength(1)
        expect(volume?.spec).toMatchObject({
          local: { path: '/mnt/data/set' },
          mountOptions: ['ro'],
          persistentVolumeReclaimPolicy: 'Retain',
          claimRef: { namespace, name: 'mnist-live', uid: claims(api)[0]?.metadata.uid },
        })
        expect(find(api)?.metadata.finalizers).toEqual([finalizers.share])
        expect(said(api, 'Ready')).toMatch(/^True Mounted: .*mnist-live/)
        expect(find(api)?.status).toMatchObject({ import: { mode: 'Mount' } })
        expect(api.all(kinds.Job)).toEqual([])
        expect(api.all(kinds.DatasetVersion)).toEqual([])
      },
    })
  })

  test('another path: claim and volume are made anew; a Dataset that goes leaves nothing', async () => {
    const change: Actor = (api) => {
      const { path } = volumes(api)[0]?.spec.local ?? {}
      if (path !== '/mnt/data/set' || claims(api)[0]?.status?.phase !== 'Bound') return false
      api.change<Dataset>(kinds.Dataset, namespace, 'mnist', (object) => {
        object.spec = { ...object.spec, source: { hostPath: { path: '/srv/other' } } } as never
      })
      return find(api)?.spec.source?.hostPath?.path !== '/srv/other'
    }
    const remove: Actor = (api) => {
      if (volumes(api)[0]?.spec.local?.path !== '/srv/other' || claims(api)[0]?.status?.phase !== 'Bound') return false
      const { deletionTimestamp } = find(api)?.metadata ?? { deletionTimestamp: 'gone' }
      if (deletionTimestamp !== undefined) return false
      api.change<Dataset>(kinds.Dataset, namespace, 'mnist', (object) => {
        object.metadata.deletionTimestamp = new Date(api.now).toISOString()
      })
      return true
    }
    await crashEverywhere(() => modelWith(provider(), mounting(here)), {
      ...options(allow, binder, change, remove),
      check: (api) => {
        expect([...claims(api), ...volumes(api)].map(({ metadata }) => metadata.name)).toEqual([])
        expect(find(api)).toBeUndefined()
      },
    })
  })

  test('a share is mounted as the server exports it', async () => {
    const api = modelWith(provider(), mounting({ nfs: { server: 'files', path: '/exports/set' } }))
    await drive(api, options({}, binder))
    expect(volumes(api)[0]?.spec).toMatchObject({ nfs: { server: 'files', path: '/exports/set', readOnly: true } })
    expect(said(api, 'Ready')).toMatch(/^True Mounted/)
  })

  test('a claim of that name which is somebody else’s stops it', async () => {
    const theirs: ClaimObject = {
      apiVersion: 'v1',
      kind: 'PersistentVolumeClaim',
      metadata: { name: 'mnist-live', namespace },
      spec: {},
    }
    const api = modelWith(provider(), mounting(here), theirs)
    await drive(api, options(allow, binder))
    expect(said(api, 'Stalled')).toMatch(/^True NameTaken: .*mnist-live/)
    expect(volumes(api)).toEqual([])
  })
})

test('an import of a directory of the nodes reads the allowed prefix, and walks from there', async () => {
  const api = modelWith(provider(), dataset({ source: here }))
  await drive(api, options(allow, binder))
  expect(volumes(api)[0]?.spec.local).toEqual({ path: '/mnt/data' })
  expect(said(api, 'SourceReachable')).toMatch(/^True Reachable/)
})

test('a claim that pods write to is looked at when they are gone', async () => {
  const workspace: ClaimObject = {
    apiVersion: 'v1',
    kind: 'PersistentVolumeClaim',
    metadata: { name: 'work', namespace },
    spec: {},
  }
  const source = { claim: { name: 'work' } }
  const api = modelWith(provider(), dataset({ source }))
  await drive(api, options({}))
  expect(said(api, 'SourceReachable')).toMatch(/^False SourceNotFound: .*work/)
  api.seed(workspace)
  api.seed(writer('train', 'work'))
  await drive(api, options({}))
  expect(said(api, 'SourceReachable')).toMatch(/^False WritersActive: .*train/)
  expect(api.all(kinds.Job)).toEqual([])
  api.change(kinds.Pod, namespace, 'train', (pod) => {
    Object.assign(pod, { status: { phase: 'Succeeded' } })
  })
  await drive(api, options({}))
  expect(said(api, 'SourceReachable')).toMatch(/^True Reachable/)
})

test('live: a claim is read though pods write to it', async () => {
  const api = modelWith(
    provider(),
    dataset({ source: { claim: { name: 'work', live: true } } }),
    { apiVersion: 'v1', kind: 'PersistentVolumeClaim', metadata: { name: 'work', namespace } },
    writer('train', 'work'),
  )
  await drive(api, options({}))
  expect(said(api, 'SourceReachable')).toMatch(/^True Reachable/)
})

test('the default store of a claim: made once in the namespace, whoever comes first, and nobody’s', async () => {
  const defaultStore = { claim: { name: 'granary-store', size: '50Gi', storageClassName: 'fast' } }
  await crashEverywhere(() => modelWith(dataset(), dataset({}, 'other')), {
    ...options({ defaultStore }),
    check: (api) => {
      expect(claims(api).map(({ metadata, spec }) => [metadata.name, metadata.ownerReferences, spec])).toEqual([
        [
          'granary-store',
          undefined,
          { accessModes: ['ReadWriteOnce'], storageClassName: 'fast', resources: { requests: { storage: '50Gi' } } },
        ],
      ])
      for (const name of ['mnist', 'other']) {
        expect(find(api, name)?.status?.store).toEqual({
          kind: 'claim',
          bucket: 'granary-store',
          prefix: `granary/${namespace}/${name}/`,
        })
        expect(said(api, 'Ready', name)).toMatch(/^True Ready/)
      }
    },
  })
})

test('a store that is a claim which is not there is waited for', async () => {
  const api = modelWith(dataset({ store: { claim: { name: 'disk' } } }))
  await drive(api, options({}))
  expect(said(api, 'Ready')).toMatch(/^False NoStore: .*disk/)
  api.seed({ apiVersion: 'v1', kind: 'PersistentVolumeClaim', metadata: { name: 'disk', namespace } })
  await drive(api, options({}))
  expect(said(api, 'Ready')).toMatch(/^True Ready/)
})

test('a pod that does not start is said: a claim that no node can mount, or that is not bound', async () => {
  const stuck: Actor = (api) => {
    const [job] = api.all<JobObject>(kinds.Job).filter(({ metadata }) => metadata.name.startsWith('granary-scan'))
    if (job === undefined || job.spec?.suspend || api.all(kinds.Pod).length > 0) return false
    const { name, uid = '', labels } = job.metadata
    const unschedulable = { type: 'PodScheduled', status: 'False', message: '0/3 nodes have volume pv-1' }
    api.seed({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: {
        name: `${name}-x`,
        namespace,
        ...(labels ? { labels } : {}),
        ownerReferences: [{ apiVersion: 'batch/v1', kind: 'Job', name, uid }],
      },
      status: { phase: 'Pending', conditions: [unschedulable] },
    } as PodObject)
    return true
  }
  const store = kubelet((spec) => (spec.op === 'Adopt' ? nothingStored : undefined))
  const api = modelWith(provider(), dataset({ source: { claim: { name: 'work' } } }), {
    apiVersion: 'v1',
    kind: 'PersistentVolumeClaim',
    metadata: { name: 'work', namespace },
  })
  await drive(api, { ...options({}), actors: [store, stuck] })
  expect(said(api, 'SourceReachable')).toMatch(/^Unknown MoverStarting: .*0\/3 nodes have volume pv-1.*describe pod/)
  expect(said(api, 'Ready')).toMatch(/^False MoverStarting/)
})
