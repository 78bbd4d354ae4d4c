import { setTimeout as sleep } from 'node:timers/promises'
import { ApiFailure, type ClusterApi, type KubeObject } from '../api.ts'
import { firstNode } from '../nodes.ts'
import { type Driver, drivers, reachParameter } from './drivers.ts'
import {
  bytesOf,
  type Claim,
  mayDestroy,
  nodeOf,
  type PersistentVolume,
  type Source,
  type StorageClass,
  sourceOf,
  volumeFor,
  volumeName,
  wantsVolume,
} from './provision.ts'
import type { VolumeStore } from './volumes.ts'

interface Deps {
  readonly api: ClusterApi
  readonly storeOf: (driver: Driver) => VolumeStore
  readonly log: (line: string) => void
}

interface List<T> {
  items: T[]
}

const claimPath = (namespace: string, name: string) => `/api/v1/namespaces/${namespace}/persistentvolumeclaims/${name}`

/** Makes volumes for claims of our classes and destroys those that are released, until the signal. */
export const provision = async (deps: Deps, signal: AbortSignal): Promise<void> => {
  const complained = new Map<string, string>()
  while (!signal.aborted) {
    await round(deps, complained).catch((error: Error) => deps.log(`provisioner: ${error.message}`))
    await sleep(300)
  }
}

const round = async (deps: Deps, complained: Map<string, string>) => {
  // resourceVersion=0: from the API server's cache; what it doesn't show yet comes next time.
  const list = async <T>(path: string) => (await deps.api.get<List<T>>(`${path}?resourceVersion=0`)).items
  const known = new Map<string, Driver>(Object.values(drivers).map((driver) => [driver.name, driver]))
  const all = await list<StorageClass>('/apis/storage.k8s.io/v1/storageclasses')
  const classes = new Map(all.filter((one) => known.has(one.provisioner)).map((one) => [one.metadata.name, one]))

  for (const claim of await list<Claim>('/api/v1/persistentvolumeclaims')) {
    const storageClass = classes.get(claim.spec.storageClassName ?? '')
    const driver = known.get(storageClass?.provisioner ?? '')
    if (!storageClass || !driver || !wantsVolume(claim, storageClass)) continue
    await make(deps, claim, storageClass, driver).then(
      () => complained.delete(claim.metadata.uid ?? ''),
      (error: Error) => complain(deps, complained, claim, error),
    )
  }
  for (const volume of await list<PersistentVolume>('/api/v1/persistentvolumes')) {
    if (!known.has(volume.spec.csi?.driver ?? '') || volume.status?.phase !== 'Released') continue
    await destroy(deps, volume, known).catch((error: Error) => deps.log(`${volume.metadata.name}: ${error.message}`))
  }
}

const make = async (deps: Deps, claim: Claim, storageClass: StorageClass, driver: Driver) => {
  if (claim.spec.volumeMode === 'Block') throw new Error('this driver makes file systems, not block devices')
  const source = sourceOf(claim) as Source
  if (source.kind !== 'empty' && !driver.snapshots) throw new Error(`${driver.name} can neither restore nor clone`)
  const from = await resolve(deps, claim, source, driver)
  const wanted = bytesOf(claim.spec.resources?.requests?.storage ?? '0')
  if (from.size > wanted) throw new Error(`the source has ${from.size} bytes, the claim asks for ${wanted}`)
  const size = await deps.storeOf(driver).createVolume(volumeName(claim), wanted, from)
  const node = storageClass.parameters?.[reachParameter] === 'any' ? undefined : (nodeOf(claim) ?? firstNode.name)
  const volume = volumeFor(claim, storageClass, { size, node })
  await deps.api.create('/api/v1/persistentvolumes', volume).catch((error: unknown) => {
    if (!(error instanceof ApiFailure && error.code === 409)) throw error
  })
}

const resolve = async (deps: Deps, claim: Claim, source: Source, driver: Driver) => {
  const namespace = claim.metadata.namespace ?? ''
  if (source.kind === 'empty') return { size: 0 }
  if (source.kind === 'claim') {
    const original = await deps.api.get<Claim>(claimPath(namespace, source.name))
    if (!original.spec.volumeName) throw new Error(`claim ${source.name} is not bound yet`)
    const volume = await deps.api.get<PersistentVolume>(`/api/v1/persistentvolumes/${original.spec.volumeName}`)
    if (volume.spec.csi?.driver !== driver.name) throw new Error(`claim ${source.name} is not of this driver`)
    const id = volume.spec.csi.volumeHandle
    return { volume: id, size: (await deps.storeOf(driver).sizeOf('volume', id)) ?? 0 }
  }
  const group = '/apis/snapshot.storage.k8s.io/v1'
  const snapshot = await deps.api.get<
    KubeObject & { status?: { readyToUse?: boolean; boundVolumeSnapshotContentName?: string } }
  >(`${group}/namespaces/${namespace}/volumesnapshots/${source.name}`)
  if (!snapshot.status?.readyToUse) throw new Error(`snapshot ${source.name} is not ready yet`)
  const content = await deps.api.get<KubeObject & { spec: { driver: string }; status?: { snapshotHandle?: string } }>(
    `${group}/volumesnapshotcontents/${snapshot.status.boundVolumeSnapshotContentName}`,
  )
  const id = content.status?.snapshotHandle
  if (!id || content.spec.driver !== driver.name) throw new Error(`snapshot ${source.name} is not of this driver`)
  return { snapshot: id, size: (await deps.storeOf(driver).sizeOf('snapshot', id)) ?? 0 }
}

/** Looks again, live, before bytes are destroyed: the list may be old, and the volume another claim's by now. */
const destroy = async (deps: Deps, seen: PersistentVolume, known: ReadonlyMap<string, Driver>) => {
  const path = `/api/v1/persistentvolumes/${seen.metadata.name}`
  const volume = await deps.api.find<PersistentVolume>(path)
  const ref = volume?.spec.claimRef
  const driver = known.get(volume?.spec.csi?.driver ?? '')
  if (!volume?.spec.csi || !ref || !driver) return
  const claim = await deps.api.find<Claim>(claimPath(ref.namespace, ref.name))
  if (!mayDestroy(volume, claim)) return
  const { uid, resourceVersion } = volume.metadata
  // The object goes first: when it was changed since, nothing happens at all.
  await deps.api.remove(path, { ...(uid && { uid }), ...(resourceVersion && { resourceVersion }) })
  await deps.storeOf(driver).deleteVolume(volume.spec.csi.volumeHandle)
  deps.log(`deleted volume ${volume.spec.csi.volumeHandle}`)
}

/** Says on the claim why there is no volume yet, once for each reason. */
const complain = async (deps: Deps, complained: Map<string, string>, claim: Claim, error: Error) => {
  const { uid = '', namespace = '', name } = claim.metadata
  if (complained.get(uid) === error.message) return
  complained.set(uid, error.message)
  deps.log(`${namespace}/${name}: ${error.message}`)
  const now = new Date().toISOString()
  const event = {
    apiVersion: 'v1',
    kind: 'Event',
    metadata: { generateName: `${name}.`, namespace },
    involvedObject: { apiVersion: 'v1', kind: 'PersistentVolumeClaim', namespace, name, uid },
    type: 'Warning',
    reason: 'ProvisioningFailed',
    message: error.message,
    source: { component: 'csi-test-driver' },
    firstTimestamp: now,
    lastTimestamp: now,
    count: 1,
  }
  await deps.api.create(`/api/v1/namespaces/${namespace}/events`, event).catch(() => {})
}
