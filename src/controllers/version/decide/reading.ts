import { annotations } from '../../../api/names.ts'
import { moverUid, type RunAs } from '../../../desired/mover-job.ts'
import type { World } from '../world.ts'
import { isDamaged, soundOther } from './places.ts'

/** The user that the mover runs as: the writer's own, so that it can read what the writer wrote. */
export const runAsOf = ({ version, namespace }: Pick<World, 'version' | 'namespace'>): RunAs => {
  const { runAsUser, runAsGroup, fsGroup, supplementalGroups = [] } = version.status?.writer ?? {}
  const mayBeRoot = namespace?.metadata.annotations?.[annotations.privilegedMovers] === 'true'
  const groups = [...new Set([...(fsGroup === undefined ? [] : [fsGroup]), ...supplementalGroups])]
  // Who names no user is what the image says, root as a rule.
  const isRoot = runAsUser === undefined || runAsUser === 0
  if (isRoot && mayBeRoot) return { uid: 0, gid: runAsGroup ?? 0, groups }
  if (!isRoot) return { uid: runAsUser, gid: runAsGroup ?? runAsUser, groups }
  // Not root, but in root's group: most of what root writes can be read so.
  return { uid: moverUid, gid: runAsGroup ?? moverUid, groups: [...new Set([...groups, runAsGroup ?? 0])] }
}

/** The version whose bytes need not be uploaded again: what the volume started with, or the latest one. */
export const referredTo = (world: World) => {
  const base = world.version.status?.base ?? soundOther(world)
  const damaged = world.siblings.some((one) => one.status?.sequence === base?.sequence && isDamaged(one))
  return damaged ? undefined : base
}
