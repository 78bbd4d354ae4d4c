import type { MoveSpec } from '../../../api/move.ts'
import type { MoveDone } from '../../../api/move-result.ts'
import { formatBytes } from '../../../api/quantity.ts'
import { claimProblem } from '../../../desired/source-claim.ts'
import type { World } from '../world.ts'
import { commit } from './commit.ts'
import type { Draft } from './draft.ts'
import { enter, lookAgainIn, reconciling, type Step, say, stalled } from './draft.ts'
import { intentOf, storedDataset } from './intent.ts'
import { follow, healsByItself, noteFailure, reasonOf, resultOf, retryLater, sentenceOf } from './move.ts'
import { type Place, soundOther, sourcePlace, storePlace } from './places.ts'
import { bySync } from './producer.ts'

type Reached = Extract<Place, { access: unknown }>

/** Says what keeps a place from being used. What the dataset controller settles by itself is waited for. */
export const complain = (world: World, draft: Draft, place: Exclude<Place, Reached>): void => {
  const comesByItself = ['Pending', 'DatasetNotFound', 'ProviderNotFound'].includes(place.reason)
  const announce = comesByItself ? reconciling : stalled
  announce(world, draft, place.reason, place.message)
}

const specOf = (world: World, store: Reached, source: Reached): MoveSpec => {
  const wanted = world.datasetSpec?.source
  const mode = world.datasetSpec?.import ?? 'Auto'
  const parent = soundOther(world)
  return {
    op: 'Import',
    dataset: storedDataset(world),
    store: store.access.location,
    source: source.access.location,
    ...(wanted?.include === undefined ? {} : { include: wanted.include }),
    ...(wanted?.exclude === undefined ? {} : { exclude: wanted.exclude }),
    ...(wanted?.allowEmpty === undefined ? {} : { allowEmpty: wanted.allowEmpty }),
    mode: mode === 'Mount' ? 'Auto' : mode,
    intent: { ...intentOf(world), producer: bySync(world, source.at) },
    ...(parent === undefined ? {} : { parent }),
  }
}

/** Of a sentence in a condition and an event, characters. */
const maxMessage = 1000

const settle = (world: World, draft: Draft, { at }: Reached, result: Extract<MoveDone, { op: 'Import' }>): void => {
  draft.status.import = { mode: result.mode, reason: result.modeReason, fingerprint: result.fingerprint }
  if (result.outcome === 'Committed') {
    const size = `${result.files} files, ${formatBytes(result.bytes)}`
    const listing = result.fingerprint === '' ? {} : { listing: result.fingerprint }
    draft.status.producedBy = { ...bySync(world, at), ...listing }
    const message = `Imported ${size} (${result.mode}: ${result.modeReason})`
    commit(world, draft, result, [message, ...(result.warnings ?? [])].join(' Note: ').slice(0, maxMessage))
    return
  }
  const message = 'The source has the content of the latest version: no new version is made.'
  enter(world, draft, 'Abandoned', message)
  say(world, draft, { type: 'Committed', status: 'False', reason: 'Unchanged', message })
  say(world, draft, { type: 'Ready', status: 'False', reason: 'Unchanged', message })
  delete draft.status.progress
  delete draft.status.nextRetryAt
  delete draft.status.lastFailure
}

/** How often a claim that is written to is looked at again. */
const writersMs = 5_000

/** A claim that pods write to is not read; a pod that comes while it is read shows in its files. */
const waitsForWriters = (world: World, draft: Draft): boolean => {
  const problem = claimProblem(world.datasetSpec?.source, world.sourceClaim, world.sourceWriters)
  if (problem === undefined || world.jobs.length > 0) return false
  reconciling(world, draft, problem.reason, problem.message)
  lookAgainIn(draft, writersMs)
  return true
}

/** A version of the source: one mover does it all. */
export const importSource: Step = (world, draft) => {
  if (world.spec.from?.source === undefined) return undefined
  const store = storePlace(world)
  const source = sourcePlace(world)
  if (!('access' in store)) complain(world, draft, store)
  else if (!('access' in source)) complain(world, draft, source)
  else {
    if (waitsForWriters(world, draft)) return 'stop'
    enter(world, draft, 'Initializing', `Imports the source of ${world.spec.dataset}.`)
    const move = { spec: specOf(world, store, source), locations: [store.access, source.access] }
    const now = follow(world, draft, move, draft.status)
    const result = resultOf(now, 'Import')
    if (result !== undefined) settle(world, draft, source, result)
    if (now?.state === 'failed') {
      noteFailure(world, draft, 'Import', now)
      if (healsByItself(now)) {
        retryLater(draft, draft.status, now)
        reconciling(world, draft, reasonOf(now), sentenceOf(now))
      } else {
        enter(world, draft, 'Failed', sentenceOf(now), 'Warning')
        stalled(world, draft, reasonOf(now), sentenceOf(now))
      }
    }
  }
  return 'stop'
}
