import { Claim, VolumeSnapshot } from '../../../api/kinds.ts'
import type { KubeObject } from '../../../api/meta.ts'
import { isReady, type Snapshot } from '../../../desired/snapshot.ts'
import { workspaceCopy, workspaceSnapshot } from '../../../desired/workspace.ts'
import type { World } from '../world.ts'
import { claimNameOf } from './claims.ts'
import { type Draft, enter, lookAgainIn, reconciling, type Step, tell } from './draft.ts'

/** So long a snapshot that says it failed may still come: controllers try again, ms. */
const errorPatience = 20_000
const pollMs = 2_000

/** The version is read from a copy of the workspace: what is written to that meanwhile is not part of it. */
export const isDetached = ({ workspace }: World): boolean => workspace?.copy !== undefined

/** Nobody waits for the writers of the workspace: it is read from a copy, or its owner said `live`. */
export const ignoresWriters = (world: World): boolean => isDetached(world) || world.spec.from?.claim?.live === true

const hasFailed = ({ status, metadata }: Snapshot, now: number): boolean =>
  status?.error !== undefined && now - Date.parse(metadata.creationTimestamp ?? '') > errorPatience

/** Snapshots the workspace and has a volume made of that; where there are no snapshots, it is read when nobody writes. */
export const copyWorkspace: Step = (world, draft) => {
  const { workspace, version, claim, now } = world
  const name = claimNameOf(world)
  if (workspace?.copy !== undefined)
    draft.status.strategy ??= { used: 'Snapshot', reason: `Read from a snapshot of claim ${name}, which stays in use.` }
  if (workspace === undefined || workspace.copy !== undefined || claim?.status?.phase !== 'Bound') return undefined
  const { snapshot, snapshotClass } = workspace
  if (snapshotClass === undefined || draft.status.phase === 'Finalizing') return undefined
  if (snapshot === undefined) {
    enter(world, draft, 'Initializing', `Claim ${name} is snapshotted; who uses it goes on.`)
    reconciling(world, draft, 'Initializing', `A snapshot of claim ${name} is being made.`)
    draft.plan.create.push(workspaceSnapshot(version, name, snapshotClass))
    return 'stop'
  }
  if (isReady(snapshot)) {
    draft.plan.create.push(workspaceCopy(version, claim, snapshot))
    reconciling(world, draft, 'Initializing', `A volume with the snapshot of claim ${name} is being made.`)
    return 'stop'
  }
  const error = snapshot.status?.error?.message ?? 'no reason given'
  if (hasFailed(snapshot, now)) {
    const reason = `The snapshot of claim ${name} failed: ${error}. It is read when no pod writes to it.`
    if (draft.status.strategy?.reason !== reason) tell(world, draft, 'Warning', 'SnapshotUnusable', reason)
    draft.status.strategy = { used: 'Copy', reason }
    return undefined
  }
  lookAgainIn(draft, pollMs)
  reconciling(world, draft, 'Initializing', `The snapshot of claim ${name} is not ready yet.`)
  return 'stop'
}

const refTo = ({ metadata }: KubeObject) => ({
  name: metadata.name,
  ...(metadata.namespace === undefined ? {} : { namespace: metadata.namespace }),
  ...(metadata.uid === undefined ? {} : { uid: metadata.uid }),
})

/** Once the version is decided, its copy of the workspace goes. */
export const dropWorkspaceCopy = ({ workspace }: World, draft: Draft): void => {
  const { copy, snapshot } = workspace ?? {}
  for (const [kind, object] of [
    [Claim, copy],
    [VolumeSnapshot, snapshot],
  ] as const) {
    if (object === undefined || object.metadata.deletionTimestamp !== undefined) continue
    draft.plan.live = true
    draft.plan.delete.push({ kind, ...refTo(object) })
  }
}
