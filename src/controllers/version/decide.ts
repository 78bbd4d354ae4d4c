import type { Plan } from '../../kube/types.ts'
import { commitCheckpoint } from './decide/commit-checkpoint.ts'
import { depart, expire } from './decide/departure.ts'
import { enter, finish, newDraft, reconciling, type Step, stalled } from './decide/draft.ts'
import { afterCommit, afterEnd, leave, takeOver } from './decide/ended.ts'
import { expireUncommitted } from './decide/expiry.ts'
import { finalize } from './decide/finalize.ts'
import { guard } from './decide/guard.ts'
import { importSource } from './decide/import.ts'
import { materialize } from './decide/materialize.ts'
import { abandon, reconsider, release, stopForWriters } from './decide/release.ts'
import { noteUsers, prepareClaim, run } from './decide/working.ts'
import { copyWorkspace } from './decide/workspace.ts'
import type { World } from './world.ts'

const refuseNonsense: Step = (world, draft) => {
  if (world.problem === undefined) return undefined
  stalled(world, draft, 'InvalidSpec', world.problem)
  return 'stop'
}

const awaitNumber: Step = (world, draft) => {
  if (world.version.status?.sequence !== undefined) return undefined
  const { dataset, spec } = world
  enter(world, draft, 'Pending', `Waits for its number in Dataset ${spec.dataset}.`)
  const alias = dataset?.spec?.source?.dataset
  if (alias !== undefined)
    stalled(
      world,
      draft,
      'InvalidSpec',
      `Dataset ${spec.dataset} is an alias of ${alias.namespace}/${alias.name} and has no versions of its own: make this version there.`,
    )
  else if (dataset === undefined)
    reconciling(world, draft, 'DatasetNotFound', `There is no Dataset "${spec.dataset}" in this namespace: apply it.`)
  else {
    const why = dataset.status?.conditions?.find(({ type, status }) => type === 'Stalled' && status === 'True')?.message
    reconciling(
      world,
      draft,
      'Pending',
      why === undefined ? `Waits for its number in Dataset ${spec.dataset}.` : `Dataset ${spec.dataset}: ${why}`,
    )
  }
  return 'stop'
}

const begin: Step = (world, draft) => {
  draft.status.startedAt ??= world.version.status?.openedAt
  return undefined
}

/** In this order; the first that stops has said what happens now. */
const steps: Step[] = [
  depart,
  refuseNonsense,
  expire,
  afterCommit,
  afterEnd,
  takeOver,
  leave,
  guard,
  awaitNumber,
  begin,
  importSource,
  materialize,
  abandon,
  commitCheckpoint,
  prepareClaim,
  noteUsers,
  copyWorkspace,
  run,
  expireUncommitted,
  reconsider,
  stopForWriters,
  release,
  finalize,
]

/** What happens next with a version. */
export const decide = (world: World): Plan => {
  const draft = newDraft(world)
  steps.find((step) => step(world, draft) === 'stop')
  return finish(world, draft)
}
