import { type ApplyDeps, applyPlan, type Written } from './apply.ts'
import type { Controller, Plan, Reader } from './types.ts'

export interface ReconcileDeps extends ApplyDeps {
  /** Reads the caches. */
  cached: Reader
  /** Reads the API server; a new one for every look. */
  live(): Reader
  /** Milliseconds since 1970. */
  now(): number
}

/**
 * One look at one key: observe, decide, and, for a `live` plan, observe and decide again from the API server itself; then apply.
 * Resolves with the plan that was carried out; undefined when there was nothing to look at.
 */
export const reconcileOnce = async (
  deps: ReconcileDeps,
  controller: Controller,
  key: string,
  written: Written = [],
): Promise<Plan | undefined> => {
  const look = async (reader: Reader) => {
    const world = await controller.observe(reader, key, deps.now())
    return world === undefined ? undefined : controller.decide(world)
  }
  const first = await look(deps.cached)
  const plan = first?.live ? await look(deps.live()) : first
  if (plan) await applyPlan(deps, plan, written)
  return plan
}
