import type { DatasetVersion } from '../../../api/dataset-version.ts'
import type { KubeObject } from '../../../api/meta.ts'
import { annotations, finalizers } from '../../../api/names.ts'
import { isAllowed, notAllowed } from '../../../desired/allowed.ts'
import { awaitsLook } from '../../../desired/freshness.ts'
import { annotate, sameObject } from '../../../desired/json-patch.ts'
import type { Plan } from '../../../kube/types.ts'
import type { Source, World } from '../world.ts'
import { accessOf, claimRef, type Resolved, resolvedOf } from './facts.ts'
import { removePrime } from './remove-prime.ts'
import { type Resolution, resolve, resolvedEmpty, resolvedTo } from './resolve.ts'
import { waits } from './say.ts'

type Found = Exclude<Source, { missing: string }>
/** A claim that nobody could fill, or whose annotations mean nothing. */
export const refuseNonsense = (world: World): Plan | undefined => {
  const { claim } = world
  if (accessOf(claim) === undefined)
    return waits(world, 'InvalidSpec', 'granary.dev/access is ReadOnly, ReadWrite or Private: correct it.')
  if (claim.spec.volumeMode === 'Block')
    return waits(
      world,
      'InvalidSpec',
      'Granary fills file systems, not block devices: make the claim again with volumeMode: Filesystem.',
    )
  return undefined
}

/** Outputs stay with the Dataset that keeps them. */
const refuseOutput = (world: World): Plan | undefined => {
  const { claim, source } = world
  if (accessOf(claim) !== 'ReadWrite') return undefined
  if (source.elsewhere !== undefined)
    return waits(
      world,
      'AccessDenied',
      `Outputs stay in the namespace of their Dataset: make this claim in the namespace of ${source.elsewhere}, or use granary.dev/access: Private.`,
    )
  if ('missing' in source || source.alias === undefined) return undefined
  const { name } = source.dataset.metadata
  return waits(
    world,
    'InvalidSpec',
    `${source.alias} is an alias of ${name} and has no versions of its own: name ${name} in dataSourceRef, or use granary.dev/access: Private.`,
  )
}

/** Takes back what was begun with a permission that is gone. What was handed over before stays: it is the claim's own. */
const deny = (world: World, asked: string): Plan => {
  const { claim, prime } = world
  const said = waits(world, 'AccessDenied', notAllowed(claim.metadata.namespace, asked), 30_000)
  return said.patch !== undefined || prime === undefined ? said : (removePrime(world) ?? said)
}

/** Looked at every time, not only once: it can be taken back. */
export const askPermission = (world: World): Plan | undefined => {
  const { claim, source, namespace } = world
  const refused = refuseOutput(world)
  if (refused !== undefined || source.elsewhere === undefined) return refused
  if ('missing' in source) return deny(world, source.elsewhere)
  if (source.dataset.metadata.namespace === claim.metadata.namespace) return undefined
  if (namespace !== undefined && isAllowed(source.dataset.spec.allowedNamespaces, namespace)) return undefined
  return deny(world, source.elsewhere)
}

/** What the working volume of an open version starts with. `latest` means what was latest when it opened. */
const baseOf = (source: Found, version: DatasetVersion): Resolution => {
  const namespace = source.dataset.metadata.namespace ?? ''
  const dataset = source.dataset.metadata.name
  const { base } = version.spec
  if (base === undefined || base === 'none') return { resolved: resolvedEmpty(namespace, dataset) }
  const parent = source.versions.find(
    (one) => version.status?.parent !== undefined && one.status?.sequence === version.status.parent,
  )
  if (base === 'latest' && parent?.status?.phase === 'Committed')
    return { resolved: resolvedTo(`${namespace}/${dataset}:latest`, namespace, parent) }
  const found = ask(source, base)
  // Nothing to start with is a fair start for a Dataset of outputs.
  if (base === 'latest' && 'reason' in found && !source.versions.some((one) => one.status?.phase === 'Committed'))
    return { resolved: resolvedEmpty(namespace, dataset) }
  return found
}

const ask = ({ dataset, versions }: Found, selector: string): Resolution =>
  resolve({
    namespace: dataset.metadata.namespace ?? '',
    dataset: dataset.metadata.name,
    selector,
    tags: dataset.status?.tags ?? [],
    versions,
  })

const working = (world: World, source: Found): Resolution | Plan => {
  const open = world.claim.metadata.annotations?.[annotations.openVersion] ?? source.named?.metadata.name
  const version = source.versions.find(({ metadata }) => metadata.name === open)
  // Guarded, so that it can't go while the claim holds its bytes.
  if (version?.status?.sequence === undefined || !version.metadata.finalizers?.includes(finalizers.version))
    return waits(
      world,
      'VersionOnItsWay',
      `Waits until a new version of ${source.dataset.metadata.name} is open.`,
      5_000,
    )
  if (version.status.phase === 'Committed')
    return waits(
      world,
      'InvalidSpec',
      `DatasetVersion ${version.metadata.name} is committed and never changes: name the Dataset in dataSourceRef to write a new version, or use granary.dev/access: Private.`,
    )
  return baseOf(source, version)
}

const wanted = (world: World, source: Found): Resolution | Plan => {
  const { claim } = world
  const namespace = source.dataset.metadata.namespace ?? ''
  const selector = claim.metadata.annotations?.[annotations.version] ?? 'latest'
  if (accessOf(claim) === 'ReadWrite') return working(world, source)
  if (source.named !== undefined) {
    const number = source.named.status?.version
    return number === undefined
      ? { reason: 'VersionOnItsWay', message: `DatasetVersion ${source.named.metadata.name} has no number yet.` }
      : ask(source, number)
  }
  if (selector === 'none')
    return accessOf(claim) === 'Private'
      ? { resolved: resolvedEmpty(namespace, source.dataset.metadata.name) }
      : waits(
          world,
          'InvalidSpec',
          'granary.dev/version: none is an empty volume, which is of no use for reading: name a version, or add granary.dev/access.',
        )
  // Another namespace's claims take what there is: their waiting is nobody's reason to look.
  const isOwn = source.elsewhere === undefined && source.alias === undefined
  const why = isOwn ? awaitsLook(source.dataset, claim) : undefined
  if (why !== undefined)
    return waits(world, 'VersionOnItsWay', `${namespace}/${source.dataset.metadata.name}:latest: ${why}.`, 5_000)
  return ask(source, selector)
}

const record = (claim: World['claim'], resolved: Resolved): Plan => ({
  patch: [
    {
      ref: claimRef(claim),
      ops: [
        sameObject(claim),
        ...annotate(claim, {
          [annotations.resolved]: JSON.stringify(resolved),
          ...(resolved.digest === undefined ? {} : { [annotations.digest]: resolved.digest }),
        }),
      ],
    },
  ],
})

const isAbout = ({ namespace, dataset }: Resolved, { metadata }: KubeObject): boolean =>
  namespace === metadata.namespace && dataset === metadata.name

/** Resolves the ref, once, and writes number and digest on the claim. */
export const resolveOnce = (world: World): Plan | undefined => {
  const { claim, source, prime } = world
  const resolved = resolvedOf(claim)
  if (resolved !== undefined && prime !== undefined) return undefined
  // Anybody can write an annotation: before it is acted upon, it must be about the Dataset that the claim names.
  if (resolved !== undefined && !('missing' in source) && isAbout(resolved, source.dataset)) return undefined
  if ('missing' in source) return waits(world, 'DatasetNotFound', source.missing, 10_000)
  const answer = wanted(world, source)
  if ('resolved' in answer) return record(claim, answer.resolved)
  return 'reason' in answer ? waits(world, answer.reason, answer.message, 5_000) : answer
}
