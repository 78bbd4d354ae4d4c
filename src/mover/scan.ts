import { summarize } from '../transfer/source.ts'
import type { DoneOf, MoveDeps, SpecOf } from './deps.ts'
import { failureOf, type MoveFailure } from './failure.ts'
import { namesOf } from './result.ts'

type Item = SpecOf<'Scan'>['items'][number]

/** The sentence, and the keys that it is about, where it is about more than the one that it names. */
const sentenceOf = (failure: MoveFailure): string => {
  const names = namesOf(failure).map((name) => JSON.stringify(name))
  return names.length < 2 ? failure.message : `${failure.message} (${names.join(', ')})`
}

const scanOne = async (deps: MoveDeps, { source: location, ...rules }: Item) => {
  try {
    const store = await deps.openStore(location)
    const source = { store, prefix: location.prefix, rules }
    const { objects, bytes, fingerprint } = await summarize(source, { signal: deps.signal })
    deps.progress.files(1)
    return { objects, bytes, fingerprint }
  } catch (error) {
    deps.signal.throwIfAborted()
    const failure = failureOf(error)
    const { reason } = failure
    const message = sentenceOf(failure)
    deps.log.warn({ reason, dataset: rules.dataset.name, namespace: rules.dataset.namespace }, message)
    return { reason, message }
  }
}

/** Looks at the listings of many sources, one after the other; one that fails doesn't hide the others. */
export const runScan = async (deps: MoveDeps, spec: SpecOf<'Scan'>): Promise<DoneOf<'Scan'>> => {
  const items: DoneOf<'Scan'>['items'] = []
  for (const item of spec.items) items.push(await scanOne(deps, item))
  return { op: 'Scan', outcome: 'Done', items }
}
