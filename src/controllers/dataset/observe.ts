import { type Dataset, DatasetSpec } from '../../api/dataset.ts'
import type { DatasetVersion } from '../../api/dataset-version.ts'
import * as kinds from '../../api/kinds.ts'
import { claimName, finalizers, labels, parseVersionName } from '../../api/names.ts'
import { parseSpec } from '../../api/schema.ts'
import type { StorageProvider } from '../../api/storage-provider.ts'
import { needsEvents } from '../../desired/attempt.ts'
import type { ClaimObject, EventObject, JobObject, PodObject } from '../../desired/objects.ts'
import { shareNames } from '../../desired/share.ts'
import type { Snapshot } from '../../desired/snapshot.ts'
import type { Claim, Volume } from '../../desired/volumes.ts'
import type { KubeObject, Reader } from '../../kube/types.ts'
import { observeAlias } from './alias.ts'
import { attemptInput } from './decide/mover.ts'
import { storeOf } from './decide/store.ts'
import { index, versionsNamedBy } from './indexes.ts'
import { claimNamesOf, writersOf } from './pods.ts'
import { observeUses } from './uses.ts'
import type { DatasetConfig, World } from './world.ts'

const isMover = (pod: PodObject): boolean => pod.metadata.labels?.[labels.role] === 'mover'

/** Pods that mount one of these claims, or name one of the Dataset's read-only claims. */
const podsOf = async (reader: Reader, dataset: Dataset, claims: string[]): Promise<PodObject[]> => {
  const { name, namespace = '' } = dataset.metadata
  const key = `${namespace}/${name}`
  if (reader.live) {
    const pods = await reader.list<PodObject>(kinds.Pod, namespace)
    return pods.filter(
      (pod) => claimNamesOf(pod).some((claim) => claims.includes(claim)) || versionsNamedBy(pod).includes(key),
    )
  }
  const found = await Promise.all([
    reader.byIndex<PodObject>(kinds.Pod, index.podsByVersion, key),
    ...claims.map((claim) => reader.byIndex<PodObject>(kinds.Pod, index.podsByClaim, `${namespace}/${claim}`)),
  ])
  return [...new Map(found.flat().map((pod) => [pod.metadata.name, pod])).values()]
}

/** The claims that the Dataset's read-only claims would be called: for its versions, and as pods name them. */
const namedClaims = async (reader: Reader, dataset: Dataset, versions: DatasetVersion[], pods: PodObject[]) => {
  if (!dataset.spec?.volume) return []
  const { name, namespace } = dataset.metadata
  const asked = pods.flatMap(claimNamesOf).filter((claim) => parseVersionName(claim)?.dataset === name)
  const kept = versions.flatMap(({ status }) =>
    status?.sequence === undefined ? [] : claimName(name, status.sequence),
  )
  const names = [...new Set([...asked, ...kept])]
  const found = await Promise.all(names.map((claim) => reader.get<ClaimObject>(kinds.Claim, namespace, claim)))
  return found.filter((claim) => claim !== undefined)
}

const defaultClass = 'storageclass.kubernetes.io/is-default-class'

const provisionerOf = async (reader: Reader, config: DatasetConfig, spec: DatasetSpec): Promise<string | undefined> => {
  if (!spec.volume) return undefined
  const name = spec.volume.storageClassName ?? config.defaultStorageClass
  const classes = await reader.list<KubeObject & { provisioner?: string }>(kinds.StorageClass)
  return classes.find(({ metadata }) =>
    name === undefined ? metadata.annotations?.[defaultClass] === 'true' : metadata.name === name,
  )?.provisioner
}

/** Events of a mover's Job that has no pod though it should have one by now. */
const eventsOf = async (reader: Reader, world: World): Promise<EventObject[]> => {
  const { adoption, lastSweep } = world.dataset.status ?? {}
  const jobs = [
    needsEvents(attemptInput(world, 'Adopt', adoption?.attempt ?? 1)),
    needsEvents(attemptInput(world, 'Sweep', lastSweep?.attempt ?? 1)),
  ].flatMap((job) => job?.metadata.uid ?? [])
  if (jobs.length === 0) return []
  const events = await reader.list<EventObject>(kinds.Event, world.dataset.metadata.namespace)
  return events.filter((event) => jobs.includes(event.involvedObject?.uid ?? ''))
}

/** Pods of those Jobs, which carry their labels. */
const lookersOf = async (reader: Reader, looks: JobObject[]): Promise<PodObject[]> => {
  const owners = looks.flatMap((job) => job.metadata.labels?.[labels.ownerUid] ?? [])
  const found = await Promise.all(owners.map((uid) => reader.byIndex<PodObject>(kinds.Pod, index.moversByOwner, uid)))
  return found.flat()
}

/** The claim that is the source, and who may write to it. */
const sourceClaimOf = async (
  reader: Reader,
  namespace: string,
  { source }: DatasetSpec,
): Promise<Pick<World, 'sourceClaim' | 'sourceWriters'>> => {
  if (source?.claim === undefined) return { sourceWriters: [] }
  const { name } = source.claim
  const [sourceClaim, pods] = await Promise.all([
    reader.get<ClaimObject>(kinds.Claim, namespace, name),
    reader.byIndex<PodObject>(kinds.Pod, index.podsByClaim, `${namespace}/${name}`),
  ])
  return { sourceClaim, sourceWriters: writersOf(pods, name) }
}

/** What there is of a share, as long as there may be something of it. */
const sharesOf = async (
  reader: Reader,
  { metadata }: Dataset,
  { source }: DatasetSpec,
): Promise<Pick<World, 'shareClaims' | 'shareVolumes'>> => {
  const guarded = metadata.finalizers?.includes(finalizers.share) ?? false
  if (!guarded && source?.nfs === undefined && source?.hostPath === undefined)
    return { shareClaims: [], shareVolumes: [] }
  const { claims, volumes } = shareNames(metadata.name, metadata.uid ?? '')
  const [found, there] = await Promise.all([
    Promise.all(claims.map((name) => reader.get<Claim>(kinds.Claim, metadata.namespace, name))),
    Promise.all(volumes.map((name) => reader.get<Volume>(kinds.Volume, undefined, name))),
  ])
  return {
    shareClaims: found.filter((claim) => claim !== undefined),
    shareVolumes: there.filter((volume) => volume !== undefined),
  }
}

export const observe = async (
  config: DatasetConfig,
  reader: Reader,
  key: string,
  now: number,
): Promise<World | undefined> => {
  const [namespace = '', name = ''] = key.split('/')
  const dataset = await reader.get<Dataset>(kinds.Dataset, namespace, name)
  if (!dataset) return undefined
  const { uid = '' } = dataset.metadata
  const [versions, claims, jobs, movers, looks, providers] = await Promise.all([
    reader.byIndex<DatasetVersion>(kinds.DatasetVersion, index.versionsByDataset, key),
    reader.byIndex<ClaimObject>(kinds.Claim, index.claimsByDataset, key),
    reader.byIndex<JobObject>(kinds.Job, index.jobsByOwner, uid),
    reader.byIndex<PodObject>(kinds.Pod, index.moversByOwner, uid),
    reader.byIndex<JobObject>(kinds.Job, index.looksByUid, uid),
    reader.list<StorageProvider>(kinds.StorageProvider, namespace),
  ])
  const pods = await podsOf(
    reader,
    dataset,
    claims.map((claim) => claim.metadata.name),
  )
  const parsed = parseSpec(DatasetSpec, dataset)
  const spec = parsed.spec ?? DatasetSpec.parse({})
  const alias = await observeAlias(reader, spec, namespace)
  const world: World = {
    now,
    alias,
    config,
    dataset,
    spec,
    problem: parsed.problem,
    versions,
    claims,
    named: await namedClaims(reader, dataset, alias?.versions ?? versions, pods),
    snapshots: await reader.byIndex<Snapshot>(kinds.VolumeSnapshot, index.snapshotsByDataset, key),
    provisioner: await provisionerOf(reader, config, spec),
    pods: pods.filter((pod) => !isMover(pod)),
    jobs,
    movers,
    events: [],
    ...(await observeUses(reader, dataset, spec)),
    looks,
    lookers: await lookersOf(reader, looks),
    providers,
    ...(await sourceClaimOf(reader, namespace, spec)),
    ...(await sharesOf(reader, dataset, spec)),
  }
  const store = storeOf(world)
  const claim = 'location' in store ? store.location.mount : undefined
  if (claim !== undefined && 'claimName' in claim)
    world.storeClaim = await reader.get<ClaimObject>(kinds.Claim, namespace, claim.claimName)
  return { ...world, events: await eventsOf(reader, world) }
}
