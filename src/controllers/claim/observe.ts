import { type Dataset, DatasetSpec } from '../../api/dataset.ts'
import type { DatasetVersion } from '../../api/dataset-version.ts'
import * as kinds from '../../api/kinds.ts'
import { annotations, labels, primeName, rescueName } from '../../api/names.ts'
import { parseSpec } from '../../api/schema.ts'
import { adoptedName } from '../../desired/adopt.ts'
import { needsEvents } from '../../desired/attempt.ts'
import type { ProviderObject } from '../../desired/location.ts'
import type { EventObject, JobObject, PodObject } from '../../desired/objects.ts'
import { readRescued } from '../../desired/rescue.ts'
import type { Snapshot, SnapshotClass } from '../../desired/snapshot.ts'
import {
  adoptIntoAnnotation,
  type Claim,
  forClaimAnnotation,
  type StorageClass,
  type Volume,
} from '../../desired/volumes.ts'
import type { KubeObject, Reader } from '../../kube/types.ts'
import { contentKey, isBound, isLeaving, resolvedOf, roleOf } from './decide/facts.ts'
import { fillAttempt, filledAnnotation } from './decide/fill.ts'
import { selectedNode } from './decide/place.ts'
import { versionOf } from './decide/strategy.ts'
import { index } from './indexes.ts'
import type { Adoption, ClaimConfig, Source, World } from './world.ts'

/** How many aliases of aliases are followed. */
const maxHops = 4
/** So young a prime is not asked after: most drivers are done by then, ms. */
const complaintMs = 10_000

/** Granary fills the claim, or keeps bytes on it. */
export const isOurs = (claim: Claim): boolean =>
  roleOf(claim) === 'rescue' ||
  (claim.spec.dataSourceRef?.apiGroup === kinds.group &&
    [kinds.Dataset.kind, kinds.DatasetVersion.kind].includes(claim.spec.dataSourceRef.kind))

const get = async <T extends KubeObject>(
  reader: Reader,
  kind: typeof kinds.Claim,
  namespace: string | undefined,
  name: string | undefined,
): Promise<T | undefined> => (name ? reader.get<T>(kind, namespace, name) : undefined)

/** The Dataset that keeps the versions: aliases followed. */
const ownerDataset = async (
  reader: Reader,
  namespace: string,
  name: string,
): Promise<Dataset | { missing: string }> => {
  let at = { namespace, name }
  for (let hop = 0; hop <= maxHops; hop++) {
    const dataset = await reader.get<Dataset>(kinds.Dataset, at.namespace, at.name)
    if (dataset === undefined)
      return { missing: `There is no Dataset ${at.name} in namespace ${at.namespace}: apply it, or mend the name.` }
    const parsed = parseSpec(DatasetSpec, dataset)
    if (parsed.spec === undefined)
      return { missing: `Dataset ${at.namespace}/${at.name} can't be understood: ${parsed.problem}` }
    if (parsed.spec.source?.dataset === undefined) return { ...dataset, spec: parsed.spec }
    at = parsed.spec.source.dataset
  }
  return { missing: `Dataset ${namespace}/${name} is an alias of an alias of an alias: name the Dataset itself.` }
}

const namedDataset = async (reader: Reader, claim: Claim) => {
  const ref = claim.spec.dataSourceRef
  const own = claim.metadata.namespace ?? ''
  const namespace = claim.metadata.annotations?.[annotations.fromNamespace] ?? ref?.namespace ?? own
  if (ref === undefined) return { namespace, name: claim.metadata.labels?.[labels.dataset] ?? '' }
  if (ref.kind === kinds.Dataset.kind) return { namespace, name: ref.name }
  const version = await reader.get<DatasetVersion>(kinds.DatasetVersion, namespace, ref.name)
  return version === undefined
    ? {
        ...(namespace === own ? {} : { elsewhere: `DatasetVersion ${namespace}/${ref.name}` }),
        missing: `There is no DatasetVersion ${ref.name} in namespace ${namespace}: apply it, or mend the name.`,
      }
    : { namespace, name: version.spec.dataset, named: version }
}

/** What the claim, or the alias in its namespace that it names, says of another namespace. */
const elsewhereOf = async (
  reader: Reader,
  claim: Claim,
  asked: { namespace: string; name: string; named?: DatasetVersion },
): Promise<{ elsewhere?: string }> => {
  const own = claim.metadata.namespace
  if (asked.namespace !== own) {
    const { kind, name } = claim.spec.dataSourceRef ?? { kind: kinds.Dataset.kind, name: asked.name }
    return { elsewhere: `${kind} ${asked.namespace}/${name}` }
  }
  let at: { namespace: string; name: string } = asked
  for (let hop = 0; hop <= maxHops; hop++) {
    const to = (await reader.get<Dataset>(kinds.Dataset, at.namespace, at.name))?.spec?.source?.dataset
    if (to === undefined) return {}
    if (to.namespace !== own) return { elsewhere: `Dataset ${to.namespace}/${to.name}` }
    at = to
  }
  return {}
}

const observeSource = async (reader: Reader, claim: Claim): Promise<Source> => {
  const asked = await namedDataset(reader, claim)
  if ('missing' in asked) return asked
  const dataset = await ownerDataset(reader, asked.namespace, asked.name)
  const elsewhere = await elsewhereOf(reader, claim, asked)
  if ('missing' in dataset) return { missing: dataset.missing, ...elsewhere }
  const { namespace = '', name } = dataset.metadata
  const primes =
    namespace === claim.metadata.namespace
      ? []
      : await reader.byIndex<Claim>(kinds.Claim, index.primesOfDataset, `${namespace}/${name}`)
  return {
    dataset,
    versions: await reader.byIndex<DatasetVersion>(kinds.DatasetVersion, index.dataset, `${namespace}/${name}`),
    providers: await reader.list<ProviderObject>(kinds.StorageProvider, namespace),
    fills: primes.filter(
      ({ metadata }) =>
        metadata.labels?.[labels.ownerUid] !== claim.metadata.uid &&
        !metadata.annotations?.[forClaimAnnotation]?.startsWith(`${namespace}/`),
    ),
    ...elsewhere,
    ...(name === asked.name && namespace === asked.namespace ? {} : { alias: asked.name }),
    ...(asked.named === undefined ? {} : { named: asked.named }),
  }
}

const observeVolume = async (reader: Reader, claim: Claim): Promise<Volume | undefined> =>
  isBound(claim)
    ? reader.get<Volume>(kinds.Volume, undefined, claim.spec.volumeName!)
    : (await reader.byIndex<Volume>(kinds.Volume, index.claimUid, claim.metadata.uid ?? ''))[0]

/** The claim's prime. Labels alone don't make one: they can be put on any claim of any namespace. */
const observePrime = async (reader: Reader, claim: Claim, source: Source) => {
  const { uid: claimUid = '', namespace } = claim.metadata
  const owner = 'missing' in source ? undefined : source.dataset.metadata.namespace
  const trusted = [resolvedOf(claim)?.namespace, owner, namespace]
  const owned = await reader.byIndex<Claim>(kinds.Claim, index.ownerUid, claimUid)
  const prime = owned.find(
    (one) =>
      roleOf(one) === 'prime' && one.metadata.name === primeName(claimUid) && trusted.includes(one.metadata.namespace),
  )
  if (prime === undefined) return { prime, primeVolume: undefined, jobs: [], movers: [] }
  const { uid = '', namespace: home } = prime.metadata
  const here = ({ metadata }: KubeObject) => metadata.namespace === home
  return {
    prime,
    primeVolume: await get<Volume>(reader, kinds.Volume, undefined, prime.spec.volumeName),
    jobs: (await reader.byIndex<JobObject>(kinds.Job, index.ownerUid, uid)).filter(here),
    movers: (await reader.byIndex<PodObject>(kinds.Pod, index.ownerUid, uid)).filter(here),
  }
}

/** Versions that are or were written on the claim, or whose bytes it keeps. */
const observeWritten = async (reader: Reader, claim: Claim, source: Source): Promise<DatasetVersion[]> => {
  const { namespace, uid = '' } = claim.metadata
  if (roleOf(claim) === 'rescue') {
    const kept = readRescued(claim)
    if (kept === undefined) return []
    const version = await reader.get<DatasetVersion>(kinds.DatasetVersion, kept.namespace, kept.name)
    return version !== undefined && version.metadata.uid === kept.uid ? [version] : []
  }
  const named = 'missing' in source ? undefined : source.named
  const found = [
    ...(await reader.byIndex<DatasetVersion>(kinds.DatasetVersion, index.claimUid, uid)),
    await get<DatasetVersion>(
      reader,
      kinds.DatasetVersion,
      namespace,
      claim.metadata.annotations?.[annotations.openVersion],
    ),
    named,
  ].filter((version) => version !== undefined)
  const mine = found.filter(({ metadata }) => (metadata.annotations?.[annotations.claimUid] ?? uid) === uid)
  return [...new Map(mine.map((version) => [version.metadata.uid, version])).values()]
}

const observeRescue = async (reader: Reader, config: ClaimConfig, claim: Claim, volume: Volume | undefined) => {
  if (volume?.metadata.uid === undefined || claim.metadata.deletionTimestamp === undefined) return undefined
  const name = rescueName(volume.metadata.uid)
  const found = await Promise.all(
    [claim.metadata.namespace, config.rescueNamespace].map((namespace) =>
      reader.get<Claim>(kinds.Claim, namespace, name),
    ),
  )
  return found.find((one) => one?.metadata.labels?.[labels.ownerUid] === claim.metadata.uid)
}

const observeAdoption = async (reader: Reader, claim: Claim): Promise<Adoption | undefined> => {
  const asked = claim.metadata.annotations?.[adoptIntoAnnotation]
  if (roleOf(claim) !== 'rescue' || asked === undefined) return undefined
  const [namespace = '', name = ''] = asked.split('/')
  const adopted = adoptedName(name, claim)
  return {
    namespace,
    name,
    home: await get(reader, kinds.Namespace, undefined, namespace),
    dataset: await get(reader, kinds.Dataset, namespace, name),
    version: await get<DatasetVersion>(reader, kinds.DatasetVersion, namespace, adopted),
    claim: await get<Claim>(reader, kinds.Claim, namespace, adopted),
  }
}

const observeEvents = async (reader: Reader, world: World): Promise<EventObject[]> => {
  const job = world.prime === undefined ? undefined : needsEvents(fillAttempt(world, world.prime).input)
  if (job === undefined) return []
  const events = await reader.list<EventObject>(kinds.Event, job.metadata.namespace)
  return events.filter((event) => event.involvedObject?.uid === job.metadata.uid)
}

/** What a prime without a volume was refused with; only asked after a while. */
const observeComplaint = async (reader: Reader, { prime, now }: World): Promise<string | undefined> => {
  if (prime?.spec.dataSourceRef === undefined || isBound(prime)) return undefined
  if (now - Date.parse(prime.metadata.creationTimestamp ?? '') < complaintMs) return undefined
  const events = await reader.list<EventObject>(kinds.Event, prime.metadata.namespace)
  return events
    .filter(
      ({ involvedObject, reason }) => involvedObject?.uid === prime.metadata.uid && reason === 'ProvisioningFailed',
    )
    .at(-1)?.message
}

/** A volume that is attached, or about to be. */
const isAttached = async (reader: Reader, { prime, primeVolume, jobs, movers }: World): Promise<boolean> => {
  const filled = prime?.metadata.annotations?.[filledAnnotation] !== undefined
  if (!filled || primeVolume === undefined || jobs.length > 0 || movers.length > 0) return false
  const attachments = await reader.list<Attachment>(kinds.VolumeAttachment)
  return attachments.some(({ spec }) => spec.source.persistentVolumeName === primeVolume.metadata.name)
}

interface Attachment extends KubeObject {
  spec: { source: { persistentVolumeName?: string } }
}

/** What else there is of the version that the claim was resolved to: what its volume may be made from. */
const observeLadder = async (reader: Reader, world: World): Promise<World> => {
  const { claim } = world
  const resolved = resolvedOf(claim)
  if (resolved?.content === undefined) return world
  const uid = versionOf(world)?.metadata.uid
  const [snapshots, snapshotClasses, same] = await Promise.all([
    uid === undefined ? [] : reader.byIndex<Snapshot>(kinds.VolumeSnapshot, index.ownerUid, uid),
    reader.list<SnapshotClass>(kinds.VolumeSnapshotClass),
    reader.byIndex<Claim>(kinds.Claim, index.content, contentKey(resolved)),
  ])
  const others = same.filter(
    (one) =>
      one.metadata.uid !== claim.metadata.uid &&
      resolvedOf(one)?.digest === resolved.digest &&
      one.spec.storageClassName === claim.spec.storageClassName,
  )
  const users = (one: Claim) =>
    reader.byIndex<PodObject>(kinds.Pod, index.usedClaim, `${one.metadata.namespace}/${one.metadata.name}`)
  return {
    ...world,
    snapshots: snapshots.filter(
      ({ metadata }) => metadata.namespace === resolved.namespace && metadata.labels?.[labels.role] === 'snapshot',
    ),
    snapshotClasses,
    twins: await Promise.all(others.map(async (one) => ({ claim: one, used: (await users(one)).length > 0 }))),
    complaint: await observeComplaint(reader, world),
    attached: await isAttached(reader, world),
  }
}

/** Whether the scheduler's choice is gone; only asked where it would matter. */
const observeNode = async (reader: Reader, world: World): Promise<boolean> => {
  const node = selectedNode(world)
  if (node === undefined || world.prime === undefined || isBound(world.prime)) return false
  return (await reader.get(kinds.Node, undefined, node)) === undefined
}

export const observe = async (
  config: ClaimConfig,
  reader: Reader,
  key: string,
  now: number,
): Promise<World | undefined> => {
  const [namespace, name] = key.split('/')
  const claim = await get<Claim>(reader, kinds.Claim, namespace, name)
  if (claim === undefined || !isOurs(claim)) return undefined
  const source = await observeSource(reader, claim)
  const volume = await observeVolume(reader, claim)
  const bare: World = {
    now,
    config,
    claim,
    namespace: await reader.get(kinds.Namespace, undefined, namespace ?? ''),
    source,
    storageClass: await get<StorageClass>(reader, kinds.StorageClass, undefined, claim.spec.storageClassName),
    volume,
    ...(await observePrime(reader, claim, source)),
    nodeGone: false,
    events: [],
    users: await reader.byIndex<PodObject>(kinds.Pod, index.usedClaim, key),
    written: await observeWritten(reader, claim, source),
    rescue: await observeRescue(reader, config, claim, volume),
    adoption: await observeAdoption(reader, claim),
    complaint: undefined,
    snapshots: [],
    snapshotClasses: [],
    twins: [],
    attached: false,
  }
  const world = { ...bare, nodeGone: await observeNode(reader, bare) }
  if (resolvedOf(claim) === undefined) return world
  const filling = isBound(claim) || isLeaving(claim) ? world : await observeLadder(reader, world)
  return { ...filling, events: await observeEvents(reader, filling) }
}
