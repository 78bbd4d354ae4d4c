import type { MoveLocation } from '../api/move.ts'
import type { ObjectStore } from '../stores/object-store.ts'
import { type SourceRules, summarize } from '../transfer/source.ts'
import { answers } from './answers.ts'
import type { DoneOf, MoveDeps, SpecOf } from './deps.ts'
import { surveyDirectory } from './directory-source.ts'
import { failureOf, type MoveFailure } from './failure.ts'
import { namesOf } from './result.ts'

type Spec = SpecOf<'Scan'>
type Item = Spec['items'][number]
type Looked = DoneOf<'Scan'>['items'][number]

/** Listings at the same time. */
const width = 8

export interface Patience {
  /** For one listing among others, ms. */
  item: number
  /** After so many ms nothing more is begun. */
  all: number
}

const patience: Patience = { item: 30_000, all: 60_000 }
const unlimited: Patience = { item: 86_400_000, all: 86_400_000 }

/** The sentence, and the keys that it is about, where it is about more than the one that it names. */
const sentenceOf = (failure: MoveFailure): string => {
  const names = namesOf(failure).map((name) => JSON.stringify(name))
  return names.length < 2 ? failure.message : `${failure.message} (${names.join(', ')})`
}

const listingOf = async (store: ObjectStore, location: MoveLocation, rules: SourceRules, signal: AbortSignal) => {
  if (location.directory === undefined) return summarize({ store, prefix: location.prefix, rules }, { signal })
  const { files: objects, bytes, fingerprint } = await surveyDirectory(store, location, rules, '', signal)
  return { objects, bytes, fingerprint }
}

const scanOne = async (deps: MoveDeps, item: Item, limit: number): Promise<Looked> => {
  const { source: location, fingerprint: before, ...rules } = item
  const { dataset } = rules
  const late = AbortSignal.timeout(limit)
  try {
    const store = await deps.openStore(location)
    const signal = AbortSignal.any([deps.signal, late])
    const { objects, bytes, fingerprint } = await listingOf(store, location, rules, signal)
    deps.progress.files(1)
    return fingerprint === before ? true : { objects, bytes, fingerprint }
  } catch (error) {
    deps.signal.throwIfAborted()
    if (late.aborted) {
      deps.log.info({ dataset: dataset.name, namespace: dataset.namespace, limit }, 'takes long: put off')
      return { slow: true }
    }
    const failure = failureOf(error)
    const { reason } = failure
    const message = sentenceOf(failure)
    deps.log.warn({ reason, dataset: dataset.name, namespace: dataset.namespace }, message)
    return { reason, message }
  }
}

/**
 * Looks at the listings of many sources, some at a time. One that fails doesn't hide the others, and one that takes long doesn't hold them up: what has no answer
 * in time, or none that fits in the result, is put off.
 */
export const runScan = async (deps: MoveDeps, spec: Spec, limits = patience): Promise<DoneOf<'Scan'>> => {
  const alone = spec.patient === true || spec.items.length === 1
  const { item: limit, all } = alone ? unlimited : limits
  const until = performance.now() + all
  const given = answers(spec.items.length)
  let next = 0
  const work = async () => {
    while (next < spec.items.length && !given.full && performance.now() < until) {
      const place = next++
      const item = spec.items[place] as Item
      given.give(place, await scanOne(deps, item, limit))
    }
  }
  await Promise.all(Array.from({ length: width }, work))
  deps.signal.throwIfAborted()
  return { op: 'Scan', outcome: 'Done', items: given.list }
}
