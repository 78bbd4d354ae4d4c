import type { DatasetVersion } from '../../../api/dataset-version.ts'
import type { Resolved } from './facts.ts'

export type Resolution =
  | { resolved: Resolved }
  | { reason: 'VersionOnItsWay' | 'VersionNotFound' | 'VersionNotFound'; message: string }

interface Asked {
  namespace: string
  dataset: string
  /** `latest`, a tag or `v<N>`, perhaps with `@sha256:…`. */
  selector: string
  /** Where the Dataset's tags point: tag to `v<N>`. */
  tags: { name: string; version: string }[]
  versions: readonly DatasetVersion[]
}

const numberOf = (version: DatasetVersion): number => version.status?.sequence ?? 0
const isCommitted = (version: DatasetVersion): boolean =>
  version.status?.phase === 'Committed' &&
  version.status.digest !== undefined &&
  version.status.rootDigest !== undefined
const over: readonly (string | undefined)[] = ['Committed', 'Failed', 'Abandoned', 'Expired', 'Deleting']
const isOnItsWay = (version: DatasetVersion): boolean => !over.includes(version.status?.phase)

/** The version that the selector means now, or undefined. */
const find = ({ tags, versions }: Asked, selector: string): DatasetVersion | undefined => {
  if (selector === 'latest')
    return versions.filter(isCommitted).sort((one, other) => numberOf(other) - numberOf(one))[0]
  const version = /^v[0-9]+$/.test(selector) ? selector : tags.find(({ name }) => name === selector)?.version
  return version === undefined ? undefined : versions.find((one) => one.status?.version === version)
}

const notCommitted = (asked: Asked, selector: string, found: DatasetVersion | undefined): Resolution => {
  const name = `${asked.namespace}/${asked.dataset}:${selector}`
  const coming =
    found ??
    asked.versions.find((one) => isOnItsWay(one) && (selector === 'latest' || one.spec.tags?.includes(selector)))
  if (coming !== undefined && isOnItsWay(coming))
    return {
      reason: 'VersionOnItsWay',
      message: `${name} is on its way: DatasetVersion ${coming.metadata.name} is ${coming.status?.phase ?? 'Pending'}.`,
    }
  if (coming !== undefined)
    return {
      reason: 'VersionNotFound',
      message: `${name} is ${coming.status?.phase}: name another version (kubectl get datasetversions).`,
    }
  return {
    reason: 'VersionNotFound',
    message:
      selector === 'latest'
        ? `Dataset ${asked.namespace}/${asked.dataset} has no committed version yet.`
        : `${name} does not exist: name one that does (kubectl get datasetversions -n ${asked.namespace}).`,
  }
}

/** What a claim of this version is filled with. */
export const resolvedTo = (ref: string, namespace: string, version: DatasetVersion): Resolved => {
  const { sequence = 0, digest = '', rootDigest = '', files = 0, bytes = 0 } = version.status ?? {}
  return {
    ref,
    namespace,
    dataset: version.spec.dataset,
    version: version.status?.version ?? `v${sequence}`,
    digest,
    content: { sequence, digest, root: rootDigest, files, bytes },
  }
}

/** Which committed version a selector means. */
export const resolve = (asked: Asked): Resolution => {
  const [selector = 'latest', digest] = asked.selector.split('@')
  const found = find(asked, selector)
  if (found === undefined || !isCommitted(found)) return notCommitted(asked, selector, found)
  const ref = `${asked.namespace}/${asked.dataset}:${asked.selector}`
  const wanted = digest?.replace(/^sha256:/, '')
  if (wanted !== undefined && !found.status!.digest!.replace(/^sha256:/, '').startsWith(wanted))
    return {
      reason: 'VersionNotFound',
      message: `${ref} has the digest ${found.status!.digest}: leave the digest out, or name the version that has it.`,
    }
  return { resolved: resolvedTo(ref, asked.namespace, found) }
}

/** What a volume that starts empty was resolved to. */
export const resolvedEmpty = (namespace: string, dataset: string): Resolved => ({
  ref: `${namespace}/${dataset}:none`,
  namespace,
  dataset,
  version: 'none',
})
