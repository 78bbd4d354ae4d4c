import type { Dataset, DatasetSpec } from '../api/dataset.ts'
import * as kinds from '../api/kinds.ts'
import { childLabels, ownerReferences } from './labels.ts'
import type { Claim, Volume } from './volumes.ts'

/** The claim through which movers read a share or a directory of the nodes, and the volume behind it. */
export const shareClaimName = (uid: string): string => `granary-source-${uid}`
/** The claim of a Dataset with `import: Mount`. */
export const liveClaimName = (dataset: string): string => `${dataset}-live`
const liveVolumeName = (uid: string): string => `granary-live-${uid}`

/** All that a Dataset may have of either kind. */
export const shareNames = (dataset: string, uid: string): { claims: string[]; volumes: string[] } => ({
  claims: [shareClaimName(uid), liveClaimName(dataset)],
  volumes: [shareClaimName(uid), liveVolumeName(uid)],
})

const normal = (path: string): string =>
  `/${path
    .split('/')
    .filter((segment) => segment !== '' && segment !== '.')
    .join('/')}`

/**
 * The allowed prefix that a directory of the nodes is under, and the rest of its path; the longest that fits. The volume is made of the prefix, so
 * that the way from there can be walked without following a link out of it.
 */
export const hostPathPlace = (
  path: string,
  allowed: readonly string[],
): { prefix: string; below: string } | { reason: 'HostPathNotAllowed'; message: string } => {
  const wanted = normal(path)
  const prefixes = allowed.map(normal).filter((prefix) => `${wanted}/`.startsWith(prefix === '/' ? '/' : `${prefix}/`))
  const [prefix] = prefixes.sort((a, b) => b.length - a.length)
  if (prefix !== undefined && !wanted.split('/').includes('..'))
    return { prefix, below: wanted.slice(prefix === '/' ? 1 : prefix.length + 1) }
  const which = allowed.length === 0 ? 'none is allowed' : `allowed are ${allowed.join(', ')}`
  return {
    reason: 'HostPathNotAllowed',
    message: `The operator's config does not allow directories of the nodes under ${path} (${which}): choose another source, or have --allow-host-path name a prefix of it.`,
  }
}

/** A volume that is there, in the words of a PersistentVolume. `local` and not hostPath: only that kind can be mounted read-only. */
type Backing = { nfs: { server: string; path: string; readOnly: true } } | { local: { path: string } }

export interface Share {
  claim: Claim
  /** With the uid of the claim that is there, so that no other claim can take it. */
  volume: (claimUid: string) => Volume
}

/** Bytes don't matter to a volume that nobody provisions, but both objects must name them. */
const nominal = { storage: '1Gi' }

const shareOf = (dataset: Dataset, claimName: string, volumeName: string, backing: Backing): Share => {
  const { name, namespace = '', uid = '' } = dataset.metadata
  const labels = childLabels({ role: 'source', ownerUid: uid, dataset: name })
  const common = { accessModes: ['ReadOnlyMany'], storageClassName: '', volumeMode: 'Filesystem' }
  return {
    claim: {
      apiVersion: kinds.Claim.apiVersion,
      kind: kinds.Claim.kind,
      metadata: { name: claimName, namespace, labels, ownerReferences: ownerReferences(dataset, namespace) },
      spec: { ...common, volumeName, resources: { requests: nominal } },
    },
    volume: (claimUid) => ({
      apiVersion: kinds.Volume.apiVersion,
      kind: kinds.Volume.kind,
      metadata: { name: volumeName, labels },
      spec: {
        ...common,
        capacity: nominal,
        persistentVolumeReclaimPolicy: 'Retain',
        mountOptions: ['ro'],
        claimRef: { apiVersion: 'v1', kind: 'PersistentVolumeClaim', namespace, name: claimName, uid: claimUid },
        ...backing,
        ...('local' in backing ? { nodeAffinity: everyNode } : {}),
      },
    }),
  }
}

/** The directory is taken to be the same on every node. */
const everyNode = {
  required: {
    nodeSelectorTerms: [{ matchExpressions: [{ key: 'kubernetes.io/hostname', operator: 'Exists' as const }] }],
  },
}

/** Claim and volume of a Dataset whose source is a share or a directory of the nodes; undefined: it has none, or it is not allowed. */
export const wantedShare = (dataset: Dataset, spec: DatasetSpec, allowed: readonly string[]): Share | undefined => {
  const { nfs, hostPath } = spec.source ?? {}
  const { name, uid = '' } = dataset.metadata
  const live = spec.import === 'Mount'
  const [claimName, volumeName] = live
    ? [liveClaimName(name), liveVolumeName(uid)]
    : [shareClaimName(uid), shareClaimName(uid)]
  if (nfs !== undefined)
    return shareOf(dataset, claimName, volumeName, { nfs: { server: nfs.server, path: nfs.path, readOnly: true } })
  if (hostPath === undefined) return undefined
  const place = hostPathPlace(hostPath.path, allowed)
  if ('reason' in place) return undefined
  return shareOf(dataset, claimName, volumeName, { local: { path: live ? normal(hostPath.path) : place.prefix } })
}
