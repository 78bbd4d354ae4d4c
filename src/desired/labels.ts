import type { KubeObject, OwnerReference } from '../api/meta.ts'
import type { Operation } from '../api/move.ts'

export type Role = 'mover' | 'prime' | 'working' | 'version' | 'rescue' | 'source' | 'store' | 'snapshot'

export const managedBy = 'app.kubernetes.io/managed-by'
export const datasetLabel = 'granary.dev/dataset'
export const versionLabel = 'granary.dev/version'
export const ownerUidLabel = 'granary.dev/owner-uid'
export const roleLabel = 'granary.dev/role'

/** Labels of every object that Granary makes. `version` as users write it (`v3`). */
export const childLabels = (child: {
  role: Role
  ownerUid: string
  dataset?: string | undefined
  version?: string | undefined
}): Record<string, string> => ({
  [managedBy]: 'granary',
  [roleLabel]: child.role,
  [ownerUidLabel]: child.ownerUid,
  ...(child.dataset === undefined ? {} : { [datasetLabel]: child.dataset }),
  ...(child.version === undefined ? {} : { [versionLabel]: child.version }),
})

/** The name of a mover's Job: one per owner, operation and attempt, so that a repeated POST meets the first. */
export const moverName = (op: Operation, ownerUid: string, attempt: number): string =>
  `granary-${op.toLowerCase()}-${ownerUid}-${attempt}`

/** The attempt that a Job of this operation and owner belongs to; undefined for any other Job. */
export const attemptOf = (name: string, op: Operation, ownerUid: string): number | undefined => {
  const start = `granary-${op.toLowerCase()}-${ownerUid}-`
  const rest = name.startsWith(start) ? name.slice(start.length) : ''
  return /^[1-9][0-9]*$/.test(rest) ? Number(rest) : undefined
}

/**
 * The owner reference for a child in `namespace`: none where the owner lives in another namespace (the API forbids those; the label
 * `granary.dev/owner-uid` says whose child it is).
 */
export const ownerReferences = (owner: KubeObject, namespace: string): OwnerReference[] =>
  owner.metadata.namespace !== namespace || owner.metadata.uid === undefined
    ? []
    : [
        {
          apiVersion: owner.apiVersion,
          kind: owner.kind,
          name: owner.metadata.name,
          uid: owner.metadata.uid,
          controller: true,
        },
      ]
