import * as kinds from '../../../src/api/kinds.ts'
import type { KubeObject } from '../../../src/api/meta.ts'
import type { MoveSpec } from '../../../src/api/move.ts'
import { parseQuantity } from '../../../src/api/quantity.ts'
import { claimsOf, hasEnded } from '../../../src/controllers/claim/decide/facts.ts'
import type { JobObject, PodObject } from '../../../src/desired/objects.ts'
import { type Claim, selectedNodeAnnotation, type Volume } from '../../../src/desired/volumes.ts'
import type { Actor } from '../../helpers/drive.ts'
import type { ModelApi } from '../../helpers/model-api.ts'
import { type ModelVolume, provisioner, snapshotter } from './storage.ts'

export type { ModelVolume }

const protection = 'kubernetes.io/pvc-protection'
const isGoing = ({ metadata }: KubeObject) => metadata.deletionTimestamp !== undefined
const claims = (api: ModelApi) => api.all<Claim>(kinds.Claim)
const volumes = (api: ModelApi) => api.all<ModelVolume>(kinds.Volume)
const pods = (api: ModelApi) => api.all<PodObject>(kinds.Pod)
const usersOf = (api: ModelApi, { metadata }: Claim) =>
  pods(api).filter((pod) => pod.metadata.namespace === metadata.namespace && claimsOf(pod).includes(metadata.name))

const fits = (volume: Volume, claim: Claim): boolean =>
  (parseQuantity(volume.spec.capacity?.storage ?? '0') ?? 0) >=
    (parseQuantity(claim.spec.resources?.requests?.storage ?? '0') ?? 0) &&
  (claim.spec.accessModes ?? []).every((mode) => volume.spec.accessModes?.includes(mode)) &&
  (volume.spec.storageClassName ?? '') === (claim.spec.storageClassName ?? '')

const setPhase = (api: ModelApi, object: Claim | Volume, phase: string): boolean => {
  if (object.status?.phase === phase) return false
  const kind = object.kind === 'PersistentVolume' ? kinds.Volume : kinds.Claim
  api.change<Claim>(kind, object.metadata.namespace, object.metadata.name, (it) => {
    it.status = { ...it.status, phase: phase as 'Bound' }
  })
  return true
}

/** What the volume controller does with claims: bound to the volume that names them by uid, Lost when theirs names another. */
const bindClaims: Actor = (api) => {
  let acted = false
  for (const claim of claims(api)) {
    if (claim.spec.volumeName) {
      const volume = api.find<Volume>(kinds.Volume, undefined, claim.spec.volumeName)
      const mine = volume?.spec.claimRef?.uid === claim.metadata.uid
      if (mine && claim.status?.phase !== 'Lost') acted = setPhase(api, claim, 'Bound') || acted
      else if (!mine && claim.status?.phase === 'Bound') acted = setPhase(api, claim, 'Lost') || acted
      continue
    }
    const volume = volumes(api).find((one) => one.spec.claimRef?.uid === claim.metadata.uid && fits(one, claim))
    if (volume === undefined) continue
    api.change<Claim>(kinds.Claim, claim.metadata.namespace, claim.metadata.name, (it) => {
      it.spec.volumeName = volume.metadata.name
      it.status = { phase: 'Bound' }
    })
    acted = true
  }
  return acted
}

/** What it does with volumes: Released when their claim is gone, and deleted where the policy says so. */
const bindVolumes: Actor = (api) => {
  let acted = false
  for (const volume of volumes(api)) {
    const ref = volume.spec.claimRef
    const claim = api.find<Claim>(kinds.Claim, ref?.namespace, ref?.name ?? '')
    if (claim?.metadata.uid === ref?.uid) {
      if (claim?.spec.volumeName === volume.metadata.name) acted = setPhase(api, volume, 'Bound') || acted
      continue
    }
    if (volume.spec.persistentVolumeReclaimPolicy === 'Delete') {
      api.remove(kinds.Volume, undefined, volume.metadata.name)
      acted = true
    } else acted = setPhase(api, volume, 'Released') || acted
  }
  return acted
}

const protect: Actor = (api) => {
  let acted = false
  for (const claim of claims(api)) {
    const has = claim.metadata.finalizers?.includes(protection)
    if (!has && !isGoing(claim)) {
      api.change(kinds.Claim, claim.metadata.namespace, claim.metadata.name, (it) => {
        it.metadata.finalizers = [protection, ...(it.metadata.finalizers ?? [])]
      })
      acted = true
    } else if (has && isGoing(claim) && usersOf(api, claim).every((pod) => pod.spec?.nodeName === undefined)) {
      api.change(kinds.Claim, claim.metadata.namespace, claim.metadata.name, (it) => {
        it.metadata.finalizers = it.metadata.finalizers?.filter((name) => name !== protection) ?? []
      })
      acted = true
    }
  }
  return acted
}

const jobController: Actor = (api) => {
  let acted = false
  for (const job of api.all<JobObject & { spec: { template: { metadata: object; spec: object } } }>(kinds.Job)) {
    const { name, namespace = '', uid = '' } = job.metadata
    if (isGoing(job) || job.status?.conditions || api.find(kinds.Pod, namespace, `${name}-pod`)) continue
    api.seed({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: {
        ...structuredClone(job.spec.template.metadata),
        name: `${name}-pod`,
        namespace,
        ownerReferences: [{ apiVersion: 'batch/v1', kind: 'Job', name, uid, controller: true }],
      },
      spec: structuredClone(job.spec.template.spec),
      status: { phase: 'Pending' },
    } as PodObject)
    acted = true
  }
  return acted
}

/** Places pods whose claims are bound, and says where claims that wait for that shall be. */
const scheduler: Actor = (api) => {
  let acted = false
  const node = api.all(kinds.Node)[0]?.metadata.name
  if (node === undefined) return false
  for (const pod of pods(api)) {
    if (pod.spec?.nodeName || hasEnded(pod) || isGoing(pod)) continue
    const used = claimsOf(pod).map((name) => api.find<Claim>(kinds.Claim, pod.metadata.namespace, name))
    if (used.some((claim) => claim === undefined || isGoing(claim) || claim.status?.phase === 'Lost')) continue
    const unbound = used.filter((claim) => claim?.status?.phase !== 'Bound')
    for (const claim of unbound) {
      if (claim === undefined || claim.metadata.annotations?.[selectedNodeAnnotation]) continue
      api.change(kinds.Claim, claim.metadata.namespace, claim.metadata.name, (it) => {
        it.metadata.annotations = { ...it.metadata.annotations, [selectedNodeAnnotation]: node }
      })
      acted = true
    }
    if (unbound.length > 0) continue
    api.change<PodObject>(kinds.Pod, pod.metadata.namespace, pod.metadata.name, (it) => {
      it.spec = { ...it.spec, nodeName: node }
      it.status = { phase: 'Running' }
    })
    acted = true
  }
  return acted
}

/** Lets movers do their work. `results`: exit codes of the first runs; then they succeed. */
const kubelet =
  (results: number[]): Actor =>
  (api) => {
    let acted = false
    for (const pod of pods(api)) {
      if (pod.status?.phase !== 'Running' || pod.metadata.labels?.['granary.dev/role'] !== 'mover') continue
      const container = pod.spec?.containers?.[0] as { env?: { value: string }[] } | undefined
      const spec = JSON.parse(container?.env?.[0]?.value ?? '{}') as MoveSpec
      const attempt = Number(pod.metadata.name.split('-').at(-2))
      const exitCode = results[attempt - 1] ?? 0
      if (exitCode === 0 && spec.op === 'Populate') {
        const claim = api.find<Claim>(kinds.Claim, pod.metadata.namespace, claimsOf(pod)[0]!)
        api.change<ModelVolume>(kinds.Volume, undefined, claim?.spec.volumeName ?? '', (volume) => {
          volume.status.found ??= volume.status.content ?? 'nothing'
          volume.status.content = `${spec.modes} v${spec.version.sequence}`
        })
      }
      const message = JSON.stringify(
        exitCode === 0
          ? { op: spec.op, outcome: 'Done', files: 1, bytes: 1 }
          : { op: spec.op, outcome: 'Failed', reason: 'Unreachable', message: 'The store does not answer.' },
      )
      api.change<PodObject>(kinds.Pod, pod.metadata.namespace, pod.metadata.name, (it) => {
        it.status = {
          phase: exitCode === 0 ? 'Succeeded' : 'Failed',
          containerStatuses: [{ name: 'mover', state: { terminated: { exitCode, message } } }],
        }
      })
      acted = true
    }
    return acted
  }

/** Everybody else in a cluster with one node: provisioner, volume controller, scheduler, Job controller, kubelet. */
export const cluster = (results: number[] = []): Actor[] => [
  protect,
  provisioner,
  snapshotter(),
  bindClaims,
  bindVolumes,
  jobController,
  scheduler,
  kubelet(results),
]

/** Notes volumes that were deleted while a claim of a person used them. */
export const guardVolumes = (api: ModelApi): string[] => {
  const broken: string[] = []
  api.listen((object, old) => {
    if (object !== undefined || old?.kind !== 'PersistentVolume') return
    const holder = claims(api).find(
      (claim) =>
        claim.spec.volumeName === old.metadata.name &&
        claim.status?.phase === 'Bound' &&
        !isGoing(claim) &&
        !claim.metadata.name.startsWith('prime-'),
    )
    if (holder !== undefined) broken.push(`${old.metadata.name} of ${holder.metadata.name} was deleted`)
  })
  return broken
}
