import type { MoveLocation } from '../api/move.ts'
import type { DoneOf, MoveDeps, SpecOf } from './deps.ts'
import { failureOf } from './failure.ts'

const probeOne = async (deps: MoveDeps, location: MoveLocation) => {
  try {
    const store = await deps.openStore(location)
    return await store.probe(location.prefix, deps.signal)
  } catch (error) {
    deps.signal.throwIfAborted()
    const { reason, message } = failureOf(error)
    deps.log.warn({ reason, location: location.name }, message)
    return { reason, message }
  }
}

/** Finds what stores can do, by trying it under their prefix; one that fails doesn't hide the others. */
export const runProbe = async (deps: MoveDeps, spec: SpecOf<'Probe'>): Promise<DoneOf<'Probe'>> => {
  const locations: DoneOf<'Probe'>['locations'] = []
  for (const location of spec.locations) locations.push(await probeOne(deps, location))
  return { op: 'Probe', outcome: 'Done', locations }
}
