import { parseDuration } from '../../../api/duration.ts'
import * as kinds from '../../../api/kinds.ts'
import { annotations, claimName, labels, parseVersionName, parseVersionTag } from '../../../api/names.ts'
import type { ClaimObject } from '../../../desired/objects.ts'
import { versionClaim } from '../../../desired/version-claim.ts'
import { claimNamesOf, hasEnded } from '../pods.ts'
import type { World } from '../world.ts'
import { type Draft, isoTime, lookAgainAt, type Step, tell } from './draft.ts'
import { type Committed, committedOf } from './history.ts'

type Kept = NonNullable<NonNullable<World['dataset']['status']>['volumes']>[number]

const hour = 3_600_000

/** Numbers that pins name: `v3`, a tag, or `latest`. */
const pinned = (world: World, draft: Draft): (number | undefined)[] =>
  (world.spec.volume?.pins ?? []).map((pin) => {
    if (pin === 'latest') return parseVersionTag(draft.status.latest?.version ?? '')
    return parseVersionTag(draft.status.tags?.find((tag) => tag.name === pin)?.version ?? pin)
  })

/** Numbers of read-only claims of this Dataset that pods name which wait. */
const askedFor = (world: World): (number | undefined)[] =>
  world.pods
    .filter((pod) => !hasEnded(pod) && pod.metadata.deletionTimestamp === undefined)
    .flatMap(claimNamesOf)
    .map(parseVersionName)
    .filter((named) => named?.dataset === world.dataset.metadata.name)
    .map((named) => named?.sequence)

/** Committed versions that have a claim: the newest, those that are pinned, and those that a pod asks for. */
const wantedVolumes = (world: World, draft: Draft): Committed[] => {
  const { volume } = world.spec
  if (!volume) return []
  const numbers = [...pinned(world, draft), ...askedFor(world)]
  return committedOf(world).filter((version, i) => i < volume.keep || numbers.includes(version.sequence))
}

const isOurs = (world: World, claim: ClaimObject): boolean =>
  claim.metadata.labels?.[labels.role] === 'version' &&
  claim.metadata.labels[labels.ownerUid] === world.dataset.metadata.uid

const make = (world: World, draft: Draft, version: Committed): void => {
  const { volume } = world.spec
  const name = claimName(world.dataset.metadata.name, version.sequence)
  const there = world.named.find((claim) => claim.metadata.name === name)
  if (there || !volume) {
    if (there && !isOurs(world, there)) {
      const message = `There is a claim ${name} that Granary did not make: rename or delete it, so that spec.volume can keep version v${version.sequence} ready.`
      tell(world, draft, { type: 'Warning', reason: 'NameTaken', message })
    }
    return
  }
  const object = versionClaim({
    dataset: world.dataset,
    owner: world.alias?.owner,
    version,
    volume,
    provisioner: world.provisioner,
    defaultStorageClass: world.config.defaultStorageClass,
  })
  draft.make.claims.push({ object })
}

const inUse = (world: World, claim: ClaimObject): boolean =>
  world.pods.some((pod) => !hasEnded(pod) && claimNamesOf(pod).includes(claim.metadata.name))

const phaseOf = (claim: ClaimObject): string => {
  if (claim.status?.phase === 'Bound') return 'Ready'
  return claim.metadata.annotations?.[annotations.waiting] === undefined ? 'Filling' : 'Waiting'
}

const idleTTL = (world: World): number => parseDuration(world.spec.volume?.idleTTL ?? '72h') ?? 72 * hour

/** When the claim was last seen in use; while it is used, written now and then only. */
const lastUsed = (world: World, draft: Draft, claim: ClaimObject, before: Kept | undefined): string | undefined => {
  if (!inUse(world, claim)) return before?.lastUsedAt
  const pause = Math.min(hour, idleTTL(world) / 2)
  const at = before?.lastUsedAt
  const fresh = at !== undefined && world.now - Date.parse(at) < pause
  lookAgainAt(world, draft, fresh ? Date.parse(at) + pause : world.now + pause)
  return fresh ? at : isoTime(world.now)
}

const describe = (world: World, draft: Draft, claim: ClaimObject): Kept => {
  const { name, labels: own, annotations: said } = claim.metadata
  const lastUsedAt = lastUsed(
    world,
    draft,
    claim,
    draft.status.volumes?.find((kept) => kept.name === name),
  )
  const phase = phaseOf(claim)
  const message = phase === 'Waiting' ? said?.[annotations.waiting] : undefined
  return {
    name,
    version: own?.[labels.version] ?? '',
    phase,
    ...(message === undefined ? {} : { message: message.slice(0, 1024) }),
    ...(lastUsedAt === undefined ? {} : { lastUsedAt }),
  }
}

/** Deletes a claim that is wanted no more once it was unused for long enough; otherwise looks again then. */
const letGo = (world: World, draft: Draft, claim: ClaimObject, kept: Kept) => {
  const { name, namespace = '', uid = '', creationTimestamp, deletionTimestamp } = claim.metadata
  if (deletionTimestamp !== undefined || inUse(world, claim)) return
  const goesAt = Date.parse(kept.lastUsedAt ?? creationTimestamp ?? '') + idleTTL(world)
  if (goesAt > world.now) return lookAgainAt(world, draft, goesAt)
  draft.plan.live = true
  draft.plan.delete.push({ kind: kinds.Claim, namespace, name, uid })
}

/** Snapshots of versions that are kept no longer go when their claim is gone, unused for long enough. */
const letSnapshotsGo = (world: World, draft: Draft, wanted: ReadonlySet<string>) => {
  for (const { metadata } of world.snapshots) {
    const { name, namespace = '', uid = '', creationTimestamp, deletionTimestamp } = metadata
    const claim = `${world.dataset.metadata.name}-${metadata.labels?.[labels.version]}`
    if (deletionTimestamp !== undefined || wanted.has(claim)) continue
    if (world.claims.some((one) => one.metadata.name === claim)) continue
    const goesAt = Date.parse(creationTimestamp ?? '') + idleTTL(world)
    if (goesAt > world.now) lookAgainAt(world, draft, goesAt)
    else {
      draft.plan.live = true
      draft.plan.delete.push({ kind: kinds.VolumeSnapshot, namespace, name, uid })
    }
  }
}

/** Keeps a read-only claim for each version that spec.volume asks for, and lets those go that nobody wants or uses. */
export const keepVolumes: Step = (world, draft) => {
  const wanted = wantedVolumes(world, draft)
  for (const version of wanted) make(world, draft, version)
  const ours = world.claims.filter((claim) => isOurs(world, claim))
  const names = new Set(wanted.map((version) => claimName(world.dataset.metadata.name, version.sequence)))
  const kept = ours.map((claim) => ({ claim, entry: describe(world, draft, claim) }))
  for (const { claim, entry } of kept) if (!names.has(claim.metadata.name)) letGo(world, draft, claim, entry)
  letSnapshotsGo(world, draft, names)
  draft.status.volumes = kept.map(({ entry }) => entry).sort((a, b) => (a.name < b.name ? -1 : 1))
  return undefined
}
