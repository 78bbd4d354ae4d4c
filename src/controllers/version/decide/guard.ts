import { DatasetVersion } from '../../../api/kinds.ts'
import { finalizers } from '../../../api/names.ts'
import { addFinalizers, removeFinalizers } from '../../../desired/json-patch.ts'
import type { JsonPatchOp } from '../../../kube/types.ts'
import type { World } from '../world.ts'
import type { Draft, Step } from './draft.ts'

const patch = ({ version }: World, draft: Draft, ops: JsonPatchOp[]): boolean => {
  if (ops.length === 0) return false
  const { name, namespace, uid } = version.metadata
  draft.plan.patch.push({
    ref: {
      kind: DatasetVersion,
      name,
      ...(namespace === undefined ? {} : { namespace }),
      ...(uid === undefined ? {} : { uid }),
    },
    ops,
  })
  return true
}

/** Our guard goes when nothing of the version depends on its object any more. */
export const unguard = (world: World, draft: Draft): void => {
  const { deletionTimestamp, finalizers: held = [] } = world.version.metadata
  const isGuarded = patch(world, draft, removeFinalizers(world.version, [finalizers.version]))
  // With the last finalizer the object is gone: there is nothing to write a status on.
  if (isGuarded && deletionTimestamp !== undefined && held.length === 1) draft.goes = true
}

/** A committed version may be in use when somebody deletes it, and its Dataset must hear of it. */
export const guardCommitted = (world: World, draft: Draft): void => {
  if (world.version.metadata.deletionTimestamp === undefined)
    patch(world, draft, addFinalizers(world.version, [finalizers.version]))
}

/** A version that is written to may not vanish with what was written: guarded before anybody can use it. */
export const guard: Step = (world, draft) => {
  const { version, spec } = world
  if (spec.from?.source !== undefined || version.metadata.deletionTimestamp !== undefined) return undefined
  return patch(world, draft, addFinalizers(version, [finalizers.version])) ? 'stop' : undefined
}
