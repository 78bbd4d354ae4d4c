import * as kinds from '../../../api/kinds.ts'
import { finalizers } from '../../../api/names.ts'
import type { EventSpec, JsonPatchOp, Plan } from '../../../kube/types.ts'
import type { World } from '../world.ts'
import { destruction, wantsDestruction } from './destroy.ts'
import { isOpenOutput, outputsWanted } from './wanted.ts'

const patch = (world: World, ops: JsonPatchOp[], live: boolean): Plan => {
  const { name, namespace = '', uid = '', resourceVersion } = world.dataset.metadata
  const unchanged: JsonPatchOp = { op: 'test', path: '/metadata/resourceVersion', value: resourceVersion }
  return {
    patch: [{ ref: { kind: kinds.Dataset, namespace, name, uid }, ops: [unchanged, ...ops] }],
    ...(live ? { live } : {}),
  }
}

/** Adds or removes one finalizer of the Dataset, in a plan of its own; undefined: it is as it should be. Removed only after a live look. */
export const keepFinalizer = (world: World, finalizer: string, needed: boolean): Plan | undefined => {
  const there = world.dataset.metadata.finalizers ?? []
  const index = there.indexOf(finalizer)
  const leaving = world.dataset.metadata.deletionTimestamp !== undefined
  if (needed === index >= 0 || (needed && leaving)) return undefined
  if (!needed) {
    const path = `/metadata/finalizers/${index}`
    return patch(
      world,
      [
        { op: 'test', path, value: finalizer },
        { op: 'remove', path },
      ],
      true,
    )
  }
  return there.length === 0
    ? patch(world, [{ op: 'add', path: '/metadata/finalizers', value: [finalizer] }], false)
    : patch(world, [{ op: 'add', path: '/metadata/finalizers/-', value: finalizer }], false)
}

const bytesKept = (world: World, why: string): EventSpec => ({
  regarding: world.dataset,
  type: 'Warning',
  reason: 'BytesKept',
  message: `spec.deletionPolicy is Delete, but ${why}: the bytes stay in ${world.dataset.status?.store?.bucket}/${world.dataset.status?.store?.prefix}.`,
})

/**
 * While an output is open, or about to be, the Dataset stays: its commit needs the store. With `deletionPolicy: Delete` it stays until its bytes have
 * gone, or can't. A plan of its own, before the version is made.
 */
export const keepWhileOpen = (world: World): Plan | undefined => {
  const leaving = world.dataset.metadata.deletionTimestamp !== undefined
  const end = leaving && wantsDestruction(world) ? destruction(world) : undefined
  const destroys = wantsDestruction(world) && (!leaving || end === 'pending')
  const needed = destroys || world.versions.some(isOpenOutput) || (!leaving && outputsWanted(world).length > 0)
  const plan = keepFinalizer(world, finalizers.dataset, needed)
  if (plan === undefined || needed || typeof end !== 'object') return plan
  return { ...plan, events: [bytesKept(world, end.kept)] }
}
