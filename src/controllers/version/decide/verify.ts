import { findCondition } from '../../../api/conditions.ts'
import type { MoveSpec } from '../../../api/move.ts'
import type { MoveDone } from '../../../api/move-result.ts'
import { annotations } from '../../../api/names.ts'
import { formatBytes } from '../../../api/quantity.ts'
import type { ReasonName } from '../../../api/reasons.ts'
import type { Attempt } from '../../../desired/attempt.ts'
import { parseVerifyRequest } from '../../../desired/verify-request.ts'
import type { OwnStatus, World } from '../world.ts'
import { type Draft, isoTime, say, tell, unsay } from './draft.ts'
import { type Book, follow, healsByItself, type Move, reasonOf, resultOf, retryLater, sentenceOf } from './move.ts'
import { committedOf, sourceIfNeeded, storePlace } from './places.ts'

type State = NonNullable<OwnStatus['lastVerification']>
type Found = Extract<MoveDone, { op: 'Verify' }>

const requestOf = ({ version }: World): string | undefined =>
  version.metadata.annotations?.[annotations.verifyRequestedAt]?.slice(0, 256)

/** Whether a verification has begun and has not ended. */
export const isVerifying = (status: OwnStatus | undefined): boolean =>
  status?.lastVerification?.startedAt !== undefined && status.lastVerification.finishedAt === undefined

/** Whether somebody asks for another one than the last. */
export const verificationWanted = (world: World): boolean => {
  const request = requestOf(world)
  return request !== undefined && request !== world.version.status?.lastVerification?.request
}

const refuse = (world: World, draft: Draft, state: State, reason: ReasonName, message: string): void => {
  draft.status.lastVerification = { ...state, finishedAt: isoTime(world.now), result: reason }
  for (const field of ['nextRetryAt', 'failures'] as const) delete draft.status.lastVerification[field]
  delete draft.status.progress
  say(world, draft, { type: 'Verified', status: 'Unknown', reason, message })
  tell(world, draft, 'Warning', reason, message)
}

/** Why the volume of the claim can't be compared with this version; undefined: it can. */
const claimProblem = ({ verifyClaim, version }: World, name: string): string | undefined => {
  const said = verifyClaim?.metadata.annotations
  if (verifyClaim?.status?.phase !== 'Bound') return `There is no claim ${name} in this namespace that has its volume.`
  if (said?.[annotations.digest] !== version.status?.digest) return `Claim ${name} does not hold this version.`
  return (said?.[annotations.access] ?? 'ReadOnly') === 'ReadOnly'
    ? undefined
    : `Claim ${name} is written to, so it is no copy of this version any more.`
}

const begin = (world: World, draft: Draft, request: string): void => {
  const asked = parseVerifyRequest(request)
  const state: State = {
    request,
    startedAt: isoTime(world.now),
    attempt: (world.version.status?.lastVerification?.attempt ?? 0) + 1,
  }
  if ('problem' in asked) {
    refuse(world, draft, state, 'InvalidSpec', `${annotations.verifyRequestedAt}: ${asked.problem}.`)
    return
  }
  const { depth, part, claim } = asked
  draft.status.lastVerification = {
    ...state,
    depth,
    ...(part === undefined ? {} : { part: `${part.n}/${part.of}` }),
    ...(claim === undefined ? {} : { claim }),
  }
}

const scopeOf = ({ depth, part, claim }: State): string => {
  const where = claim === undefined ? 'in the store' : `on claim ${claim}`
  if (depth === 'Fast') return `names and sizes ${where}`
  return part === undefined ? `every byte ${where}` : `the bytes of part ${part} ${where}`
}

const settle = (world: World, draft: Draft, state: State, found: Found): void => {
  const { files, bytes, bad, names = [], outcome } = found
  const { attempt, claim } = state
  const finishedAt = isoTime(world.now)
  const { nextRetryAt: _1, failures: _2, ...kept } = state
  draft.status.lastVerification = {
    ...kept,
    ...(attempt === undefined ? {} : { attempt }),
    finishedAt,
    result: outcome,
    files,
    bytes,
    bad,
    ...(names.length === 0 ? {} : { names }),
  }
  delete draft.status.progress
  const scope = `${files} files, ${formatBytes(bytes)}: compared ${scopeOf(state)}`
  const damage: ReasonName = claim === undefined ? 'Corrupt' : 'VolumeDamaged'
  if (outcome === 'Bad') {
    const first = names.map(({ path, problem }) => `${path} ${problem}`).join('; ')
    const message = `${scope}; ${bad} bad: ${first}${bad > names.length ? '; …' : ''}.`
    say(world, draft, { type: 'Verified', status: 'False', reason: damage, message })
    say(world, draft, { type: 'Degraded', status: 'True', reason: damage, message })
    tell(world, draft, 'Warning', 'Degraded', message)
    return
  }
  const message = `${scope}; all as the manifest says.`
  say(world, draft, { type: 'Verified', status: 'True', reason: 'Verified', message })
  tell(world, draft, 'Normal', 'Verified', message)
  // Only what looks at all that was found bad can say that it is well again.
  const isWhole = state.depth === 'Full' && state.part === undefined
  if (isWhole && findCondition(draft.status.conditions, 'Degraded')?.reason === damage) unsay(draft, 'Degraded')
}

type Way = { move: Move } | { reason: ReasonName; message: string }

/** What the mover is told, or why there can be none. */
const moveOf = (world: World, state: State): Way => {
  const version = committedOf(world.version)
  const store = storePlace(world)
  if (!('access' in store)) return store
  if (version === undefined) return { reason: 'InvalidSpec', message: 'It has no manifest.' }
  const problem = state.claim === undefined ? undefined : claimProblem(world, state.claim)
  if (problem !== undefined) return { reason: 'InvalidSpec', message: problem }
  const source = sourceIfNeeded(world)
  const [n = 1, of = 1] = (state.part ?? '').split('/').map(Number)
  const spec: MoveSpec = {
    op: 'Verify',
    store: store.access.location,
    ...(source === undefined ? {} : { source: source.access.location }),
    version,
    what: state.claim === undefined ? 'Store' : 'Volume',
    depth: state.depth ?? 'Full',
    ...(state.part === undefined ? {} : { part: { n, of } }),
  }
  const locations = [store.access, ...(source === undefined ? [] : [source.access])]
  const data = state.claim === undefined ? undefined : { claimName: state.claim, readOnly: true }
  return { move: { spec, locations, ...(data === undefined ? {} : { data }) } }
}

/** What the version is is not in question while it is looked at: its conditions stay as they are. Returns what would have been said. */
export const followAside = (world: World, draft: Draft, move: Move, book: Book) => {
  const { conditions } = draft.status
  const now = follow(world, draft, move, book)
  const said = findCondition(draft.status.conditions, now === undefined ? 'Stalled' : 'Reconciling')?.message ?? ''
  if (conditions === undefined) delete draft.status.conditions
  else draft.status.conditions = conditions
  return { now, said }
}

const run = (world: World, draft: Draft, state: State): void => {
  const way = moveOf(world, state)
  if (!('move' in way)) {
    refuse(world, draft, state, way.reason, way.message)
    return
  }
  const book = { ...state }
  const { now, said } = followAside(world, draft, way.move, book)
  const result = resultOf(now, 'Verify')
  if (now === undefined) refuse(world, draft, state, 'ConflictingIdentity', said)
  else if (result !== undefined) settle(world, draft, state, result)
  else if (now.state === 'failed') tryAgain(world, draft, book, now)
  else if (state.nextRetryAt === undefined || now.state === 'running') {
    const message = `Compares ${scopeOf(state)}. ${said}`.trim()
    say(world, draft, { type: 'Verified', status: 'Unknown', reason: 'Verifying', message })
  }
}

const tryAgain = (world: World, draft: Draft, book: State, failure: Extract<Attempt, { state: 'failed' }>): void => {
  if (!healsByItself(failure)) {
    refuse(world, draft, book, reasonOf(failure), sentenceOf(failure))
    return
  }
  retryLater(draft, book, failure)
  draft.status.lastVerification = { ...book, failures: (book.failures ?? 0) + 1 }
  say(world, draft, { type: 'Verified', status: 'Unknown', reason: reasonOf(failure), message: sentenceOf(failure) })
}

/** Compares a committed version with its manifest when somebody asks. `pending`: a mover is at it, or comes to it. */
export const verify = (world: World, draft: Draft): 'pending' | 'idle' => {
  const request = requestOf(world)
  if (isVerifying(draft.status)) run(world, draft, draft.status.lastVerification as State)
  else if (verificationWanted(world) && request !== undefined) begin(world, draft, request)
  return isVerifying(draft.status) ? 'pending' : 'idle'
}
