import type { DatasetVersion } from '../../../api/dataset-version.ts'
import type { MoveDone } from '../../../api/move-result.ts'
import { annotations, versionName } from '../../../api/names.ts'
import { moverAccess } from '../../../desired/location.ts'
import type { World } from '../world.ts'
import { type Draft, isoTime, lookAgainAt, type Step, say, tell } from './draft.ts'
import { cleanUp, follow, movesOn, reasonOf } from './mover.ts'
import { isOurs, numberedVersion } from './numbers.ts'
import { storeOf } from './store.ts'

type Found = Extract<MoveDone, { op: 'Adopt' }>
type State = NonNullable<NonNullable<World['dataset']['status']>['adoption']>

/** How long a store that waits for `adopt: true` is left alone: somebody may also clear it. */
const occupiedPauseMs = 300_000

/** Versions found in the store that have no object here yet. */
const missing = (world: World, found: Found): { create: DatasetVersion[]; leaving: string[] } => {
  const create: DatasetVersion[] = []
  const leaving: string[] = []
  for (const entry of found.versions) {
    if (world.versions.some((version) => isOurs(world, version) && version.status?.sequence === entry.n)) continue
    const name = versionName(world.dataset.metadata.name, entry.n)
    const there = world.versions.find((version) => version.metadata.name === name)
    if (there && isOurs(world, there)) continue
    if (there) leaving.push(name)
    else {
      const { message, tags } = entry
      const spec = { ...(message === undefined ? {} : { message }), ...(tags === undefined ? {} : { tags }) }
      create.push(numberedVersion(world, entry.n, spec, { [annotations.adopted]: JSON.stringify(entry) }))
    }
  }
  return { create, leaving }
}

const failed = (
  world: World,
  draft: Draft,
  state: State,
  why: { reason: string; message: string; retryAt: number },
) => {
  const { reason, message } = why
  const retryAt = reason === 'AdoptionRequired' ? world.now + occupiedPauseMs : why.retryAt
  draft.status.adoption = {
    ...state,
    attempt: (state.attempt ?? 1) + 1,
    failures: (state.failures ?? 0) + 1,
    nextRetryAt: isoTime(retryAt),
    generation: world.dataset.metadata.generation,
    lastFailure: { op: 'Adopt', reason, message, at: isoTime(world.now) },
  }
  lookAgainAt(world, draft, retryAt)
  say(world, draft, { type: 'StoreReachable', status: 'False', reason: reasonOf(reason), message })
  if (reason !== state.lastFailure?.reason) tell(world, draft, { type: 'Warning', reason, message })
}

/** Takes one page over; the next one, or the end, when all of it is seen. */
const takeOver = (world: World, draft: Draft, state: State, found: Found) => {
  const highest = Math.max(0, found.highest ?? 0, ...found.versions.map((entry) => entry.n))
  draft.status.nextSequence = Math.max(draft.status.nextSequence ?? 1, highest + 1)
  const { create, leaving } = missing(world, found)
  draft.make.versions.push(...create.map((object) => ({ object })))
  if (leaving.length > 0) {
    draft.held = { reason: 'Adopting', message: `Waits until ${leaving.join(', ')} of the earlier Dataset is gone.` }
    return lookAgainAt(world, draft, world.now + 5000)
  }
  if (create.length > 0) return
  const versions = (state.versions ?? 0) + found.versions.length
  const last = found.versions.at(-1)?.n
  const more = found.more && last !== undefined
  draft.status.adoption = {
    attempt: (state.attempt ?? 1) + 1,
    versions,
    ...(more ? { before: last } : {}),
    done: !more,
  }
  if (more) return
  const message = versions > 0 ? `Took over ${versions} versions from the store.` : 'The store is free.'
  say(world, draft, { type: 'StoreReachable', status: 'True', reason: versions > 0 ? 'Adopted' : 'Reachable', message })
  if (versions > 0) tell(world, draft, { type: 'Normal', reason: 'Adopted', message })
}

/**
 * Before the first version: looks whether an earlier Dataset of this name left versions in the store, and takes them over if `spec.adopt` says so, page by page.
 * No number is given before that is known.
 */
export const adopt: Step = (world, draft) => {
  const state = draft.status.adoption ?? {}
  if (state.done) {
    cleanUp(world, draft, 'Adopt')
    return undefined
  }
  const store = storeOf(world)
  if (!('location' in store)) return 'stop'
  draft.held = { reason: 'Adopting', message: 'Looks for earlier versions in the store.' }
  const { name, namespace = '', uid = '', generation } = world.dataset.metadata
  const access = moverAccess('store', store.location)
  const now = follow(world, draft, {
    spec: {
      op: 'Adopt',
      dataset: { namespace, name, uid, ...(world.spec.adopt ? { adopt: true } : {}) },
      store: access.location,
      ...(state.before === undefined ? {} : { before: state.before }),
    },
    number: state.attempt ?? 1,
    failures: state.failures ?? 0,
    notBefore: state.generation === generation ? state.nextRetryAt : undefined,
    locations: [access],
  })
  if (now.state === 'failed') failed(world, draft, state, now)
  else if (now.state === 'done' && now.result.op === 'Adopt') takeOver(world, draft, state, now.result)
  else draft.held = movesOn(world, draft, now, 'StoreReachable') ?? draft.held
  const failure = draft.status.adoption?.lastFailure
  if (failure && draft.held?.reason === 'Adopting') {
    const why = { reason: reasonOf(failure.reason), message: failure.message }
    draft.held = why
    if (failure.reason === 'AdoptionRequired') draft.stalled = why
  }
  return undefined
}
