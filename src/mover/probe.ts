import type { MoveLocation } from '../api/move.ts'
import type { DoneOf, MoveDeps, SpecOf } from './deps.ts'
import { failureOf } from './failure.ts'

type Probed = DoneOf<'Probe'>['locations'][number]

/** For one store among others, ms: a probe is a few small requests. */
const limit = 60_000

const probeOne = async (deps: MoveDeps, location: MoveLocation, alone: boolean): Promise<Probed> => {
  const late = alone ? deps.signal : AbortSignal.any([deps.signal, AbortSignal.timeout(limit)])
  try {
    const store = await deps.openStore(location)
    return await store.probe(location.prefix, late)
  } catch (error) {
    deps.signal.throwIfAborted()
    if (late.aborted) return { reason: 'Unreachable', message: `the store did not answer within ${limit / 1000} s` }
    const { reason, message } = failureOf(error)
    deps.log.warn({ reason, location: location.name }, message)
    return { reason, message }
  }
}

/** Finds what stores can do, by trying it under their prefix, all at the same time; one that fails doesn't hide the others, nor hold them up for long. */
export const runProbe = async (deps: MoveDeps, spec: SpecOf<'Probe'>): Promise<DoneOf<'Probe'>> => {
  const alone = spec.locations.length === 1
  const locations = await Promise.all(spec.locations.map((location) => probeOne(deps, location, alone)))
  return { op: 'Probe', outcome: 'Done', locations }
}
