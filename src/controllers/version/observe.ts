import { type Dataset, DatasetSpec } from '../../api/dataset.ts'
import { type DatasetVersion, DatasetVersionSpec } from '../../api/dataset-version.ts'
import * as kinds from '../../api/kinds.ts'
import type { Kind, KubeObject } from '../../api/meta.ts'
import type { Operation } from '../../api/move.ts'
import { annotations, labels } from '../../api/names.ts'
import { parseSpec } from '../../api/schema.ts'
import type { StorageProvider } from '../../api/storage-provider.ts'
import { attempt, needsEvents } from '../../desired/attempt.ts'
import type { ClaimObject, EventObject, JobObject, PodObject } from '../../desired/objects.ts'
import { type Snapshot, type SnapshotClass, snapshotClassFor } from '../../desired/snapshot.ts'
import type { StorageClass } from '../../desired/volumes.ts'
import { workspaceCopyName } from '../../desired/workspace.ts'
import type { Reader } from '../../kube/types.ts'
import { holdersOf } from '../holders.ts'
import { isCheckpointing } from './decide/checkpoint.ts'
import { claimNameOf } from './decide/claims.ts'
import { attemptInput, type Book } from './decide/move.ts'
import { isVerifying } from './decide/verify.ts'
import { contentKey, index } from './indexes.ts'
import { keepingOf } from './keeping.ts'
import { claimNamesOf, isWriter, writersOf } from './pods.ts'
import { knownUsers, type User } from './users.ts'
import type { VersionConfig, Workspace, World } from './world.ts'
import { kindOfWriter, knownController } from './writers.ts'

const isMover = (pod: PodObject): boolean => pod.metadata.labels?.[labels.role] === 'mover'

/** The claim as it was when the version opened: another one of the same name is not it. */
const claimOf = async (reader: Reader, version: DatasetVersion, name: string): Promise<ClaimObject | undefined> => {
  const claim = await reader.get<ClaimObject>(kinds.Claim, version.metadata.namespace, name)
  const uid = version.metadata.annotations?.[annotations.claimUid]
  return uid === undefined || claim?.metadata.uid === uid ? claim : undefined
}

/** Where the bytes of a claim that is being deleted have gone: it says so itself, and afterwards the status does. */
const rescueOf = async (
  reader: Reader,
  version: DatasetVersion,
  claim: ClaimObject | undefined,
  name: string,
): Promise<ClaimObject | undefined> => {
  const said = claim?.metadata.annotations?.[annotations.rescue]
  const noted = version.status?.claimName === name ? undefined : version.status?.claimName
  const rescue = said ?? noted
  // Bytes that were taken to another namespace can't be mounted from here.
  if (rescue === undefined || rescue.includes('/')) return undefined
  return reader.get<ClaimObject>(kinds.Claim, version.metadata.namespace, rescue)
}

interface Named {
  kind: Kind
  name: string
  uid: string
}

/** Controllers of the pods, those above them, and those that the status names, as far as they are there. */
const ownersOf = async (
  reader: Reader,
  namespace: string,
  pods: readonly PodObject[],
  users: readonly User[],
): Promise<KubeObject[]> => {
  const found = new Map<string, KubeObject>()
  const asked = new Set<string>()
  const named = (kind: string, name: string, uid: string): Named[] => {
    const known = kindOfWriter(kind)
    return known === undefined ? [] : [{ kind: known, name, uid: uid.split('/')[0] ?? uid }]
  }
  const above = (object: KubeObject): Named[] => {
    const owner = knownController(object)
    return owner === undefined ? [] : named(owner.kind, owner.name, owner.uid)
  }
  let wanted = [...pods.flatMap(above), ...users.flatMap(({ kind, name, uid }) => named(kind, name, uid))]
  while (wanted.length > 0) {
    const next: Named[] = []
    for (const one of wanted) {
      if (asked.has(one.uid)) continue
      asked.add(one.uid)
      const object = await reader.get(one.kind, namespace, one.name)
      if (object?.metadata.uid !== one.uid) continue
      // GET of a custom resource carries its kind, a typed one from a cache may not.
      found.set(one.uid, { ...object, kind: one.kind.kind })
      next.push(...above(object))
    }
    wanted = next
  }
  return [...found.values()]
}

/** Claims that the writers of `claim` mount beside it. */
const inputsOf = async (
  reader: Reader,
  namespace: string,
  claim: string,
  pods: readonly PodObject[],
): Promise<ClaimObject[]> => {
  const names = new Set(
    pods
      .filter((pod) => isWriter(pod, claim))
      .flatMap(claimNamesOf)
      .filter((name) => name !== claim),
  )
  const claims = await Promise.all([...names].map((name) => reader.get<ClaimObject>(kinds.Claim, namespace, name)))
  return claims.filter((one) => one !== undefined)
}

/** Volumes and snapshots that hold a committed version. */
const copiesOf = async (reader: Reader, version: DatasetVersion): Promise<Pick<World, 'copies' | 'snapshots'>> => {
  const { namespace, uid = '' } = version.metadata
  const key = contentKey(version)
  if (version.status?.phase !== 'Committed' || key === undefined) return { copies: [], snapshots: [] }
  const [copies, snapshots] = await Promise.all([
    reader.byIndex<ClaimObject>(kinds.Claim, index.claimsByVersion, key),
    reader.byIndex<Snapshot>(kinds.VolumeSnapshot, index.snapshotsByOwner, uid),
  ])
  return { copies, snapshots: snapshots.filter((snapshot) => snapshot.metadata.namespace === namespace) }
}

/** How somebody's claim can be copied, and what there is of its copy. */
const workspaceOf = async (
  reader: Reader,
  version: DatasetVersion,
  spec: DatasetVersionSpec,
  claim: ClaimObject | undefined,
): Promise<Workspace | undefined> => {
  const { namespace, uid } = version.metadata
  if (spec.from?.claim === undefined) return undefined
  const name = workspaceCopyName(version)
  const ours = <T extends KubeObject>(object: T | undefined) =>
    object?.metadata.labels?.[labels.ownerUid] === uid ? object : undefined
  const className = claim?.spec?.storageClassName
  const [storageClass, classes, snapshot, copy] = await Promise.all([
    className ? reader.get<StorageClass>(kinds.StorageClass, undefined, className) : undefined,
    reader.list<SnapshotClass>(kinds.VolumeSnapshotClass),
    reader.get<Snapshot>(kinds.VolumeSnapshot, namespace, name),
    reader.get<ClaimObject>(kinds.Claim, namespace, name),
  ])
  return {
    snapshotClass: snapshotClassFor(classes, storageClass?.provisioner)?.metadata.name,
    snapshot: ours(snapshot),
    copy: ours(copy),
  }
}

/** The claim that a verification is under way on. */
const verifyClaimOf = async (reader: Reader, { metadata, status }: DatasetVersion) => {
  const name = status?.lastVerification?.claim
  if (name === undefined || !isVerifying(status)) return undefined
  return reader.get<ClaimObject>(kinds.Claim, metadata.namespace, name)
}

/** The claim that an import reads, and who may write to it. */
const sourceClaimOf = async (
  reader: Reader,
  namespace: string,
  spec: DatasetVersionSpec,
  dataset: DatasetSpec | undefined,
): Promise<Pick<World, 'sourceClaim' | 'sourceWriters'>> => {
  const name = dataset?.source?.claim?.name
  if (spec.from?.source === undefined || name === undefined) return { sourceWriters: [] }
  const [sourceClaim, pods] = await Promise.all([
    reader.get<ClaimObject>(kinds.Claim, namespace, name),
    reader.byIndex<PodObject>(kinds.Pod, index.podsByClaim, `${namespace}/${name}`),
  ])
  return { sourceClaim, sourceWriters: writersOf(pods, name) }
}

/** Who holds content of the Dataset; only asked when the version is to go. */
const contentOf = async (
  reader: Reader,
  { metadata, spec, status }: DatasetVersion,
  dataset: Dataset | undefined,
): Promise<Pick<World, 'contentClaims' | 'contentPods'>> => {
  if (metadata.deletionTimestamp === undefined || status?.phase !== 'Committed')
    return { contentClaims: [], contentPods: [] }
  return holdersOf(reader, index, `${metadata.namespace}/${spec.dataset}`, dataset)
}

const operationOf = (world: World): Operation => {
  if (isVerifying(world.version.status)) return 'Verify'
  if (isCheckpointing(world.version.status)) return 'Checkpoint'
  if (world.version.status?.phase === 'Committed') return 'Mirror'
  if (world.spec.from?.version !== undefined) return 'Materialize'
  return world.spec.from?.source === undefined ? 'Finalize' : 'Import'
}

/** Events of a Job that should have a pod and has none, and the last line of the mover that runs. */
const moving = async (reader: Reader, world: World): Promise<Pick<World, 'events' | 'lastLine'>> => {
  const { metadata, status } = world.version
  const op = operationOf(world)
  const books: Partial<Record<Operation, Book | undefined>> = {
    Mirror: status?.mirror,
    Verify: status?.lastVerification,
    Checkpoint: status?.checkpoint,
  }
  const input = attemptInput(world, op, (op in books ? books[op] : status) ?? {})
  const overdue = needsEvents(input)
  const events =
    overdue === undefined
      ? []
      : (await reader.list<EventObject>(kinds.Event, metadata.namespace)).filter(
          (event) => event.involvedObject?.uid === overdue.metadata.uid,
        )
  const now = attempt(input)
  if (now.state !== 'running') return { events }
  return { events, lastLine: await reader.lastLogLine(metadata.namespace ?? '', now.pod) }
}

export const observe = async (
  config: VersionConfig,
  reader: Reader,
  key: string,
  now: number,
): Promise<World | undefined> => {
  const [namespace = '', name = ''] = key.split('/')
  const version = await reader.get<DatasetVersion>(kinds.DatasetVersion, namespace, name)
  if (version === undefined) return undefined
  const { spec = version.spec, problem } = parseSpec(DatasetVersionSpec, version)
  const claimName = claimNameOf({ version, spec })
  const { uid = '' } = version.metadata
  const datasetKey = `${namespace}/${spec.dataset}`
  const [dataset, versions, providers, home, claim, mounting, jobs, movers] = await Promise.all([
    reader.get<Dataset>(kinds.Dataset, namespace, spec.dataset),
    reader.byIndex<DatasetVersion>(kinds.DatasetVersion, index.versionsByDataset, datasetKey),
    reader.list<StorageProvider>(kinds.StorageProvider, namespace),
    reader.get(kinds.Namespace, undefined, namespace),
    claimOf(reader, version, claimName),
    reader.byIndex<PodObject>(kinds.Pod, index.podsByClaim, `${namespace}/${claimName}`),
    reader.byIndex<JobObject>(kinds.Job, index.jobsByOwner, uid),
    reader.byIndex<PodObject>(kinds.Pod, index.moversByOwner, uid),
  ])
  const parsed = dataset === undefined ? undefined : parseSpec(DatasetSpec, dataset)
  const pods = mounting.filter((pod) => !isMover(pod))
  const world: World = {
    now,
    config,
    version,
    spec,
    problem,
    dataset,
    datasetSpec: parsed?.spec,
    datasetProblem: parsed?.problem,
    providers,
    siblings: versions.filter((other) => other.metadata.uid !== uid),
    namespace: home,
    claim,
    rescue: await rescueOf(reader, version, claim, claimName),
    pods,
    owners: await ownersOf(reader, namespace, pods, knownUsers(version, claimName, pods)),
    verifyClaim: await verifyClaimOf(reader, version),
    ...(await copiesOf(reader, version)),
    workspace: await workspaceOf(reader, version, spec, claim),
    keeping: await keepingOf(reader, config, { version, spec, dataset: parsed?.spec, claim, now }),
    inputs: await inputsOf(reader, namespace, claimName, pods),
    ...(await sourceClaimOf(reader, namespace, spec, parsed?.spec)),
    jobs,
    movers,
    events: [],
    ...(await contentOf(reader, version, dataset)),
  }
  return { ...world, ...(await moving(reader, world)) }
}
