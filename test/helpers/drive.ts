import { expect } from 'vitest'
import { isApiError } from '../../src/kube/api-error.ts'
import { kindKey, kindOf } from '../../src/kube/kind-of.ts'
import { type IndexTable, liveReader } from '../../src/kube/reader.ts'
import { reconcileOnce } from '../../src/kube/reconcile.ts'
import type { Controller, EventSpec, IndexFunction, KubeObject } from '../../src/kube/types.ts'
import { TerminalError, WaitError } from '../../src/lib/errors.ts'
import { CrashError } from './model/call.ts'
import type { ModelApi } from './model-api.ts'

/** As src/controllers/<name>/index.ts exports them: by `kindKey` (`pods`, `jobs.batch`, `datasets.granary.dev`) or by plural alone, then by index. */
export type Indexes = Readonly<Record<string, Readonly<Record<string, IndexFunction>> | undefined>>

/** Plays everybody else (kubelet, mover, volume binder, a person): does what is due and says whether it changed anything. Called only when the controllers are quiet. */
export type Actor = (api: ModelApi) => boolean | undefined | Promise<boolean | undefined>

export interface DriveOptions {
  /** Called at the start and after every crash: what a fresh process would have. */
  controllers: () => Controller[]
  indexes?: Indexes
  actors?: Actor[]
  /** How far the clock may run ahead to reach `requeueAfter`s and backoffs, in ms. Default: an hour. */
  horizon?: number
  /** Looks before the run counts as going in circles. */
  limit?: number
}

export interface Driven {
  events: EventSpec[]
  /** Errors of looks, in order, that were no conflicts. */
  errors: Error[]
  looks: number
}

/**
 * Runs controllers against the model until nobody has anything to do: no key in the queue, no actor that changes anything, no timer within the horizon.
 * A CrashError from the model ends the process: new controllers start, and look at everything.
 */
export const drive = async (api: ModelApi, options: DriveOptions): Promise<Driven> => {
  const driven: Driven = { events: [], errors: [], looks: 0 }
  const end = api.now + (options.horizon ?? 3_600_000)
  for (;;) {
    const process = new Process(api, options, driven)
    try {
      if (await process.untilQuiet(end)) return driven
    } catch (error) {
      if (!(error instanceof CrashError)) throw error
    } finally {
      process.stop()
    }
  }
}

/**
 * The property of design.md: whatever call the operator dies at, before or after it, the end is the same. `prepare` seeds a new model; `check` sees each end.
 * Ends with the number of crashes tried.
 */
export const crashEverywhere = async (
  prepare: () => ModelApi,
  options: DriveOptions & { check?: (api: ModelApi) => void; leaveOut?: (object: KubeObject) => boolean },
): Promise<number> => {
  const calm = prepare()
  await drive(calm, options)
  options.check?.(calm)
  const expected = calm.snapshot(options.leaveOut)
  for (let n = 1; n <= calm.calls.length; n++) {
    for (const when of ['before', 'after'] as const) {
      const api = prepare()
      api.fault = (call) => (call.n === n ? when : undefined)
      await drive(api, options)
      const crash = calm.calls[n - 1]
      expect(
        api.snapshot(options.leaveOut),
        `crash ${when} call ${n}: ${crash?.verb} ${crash?.kind} ${crash?.key}`,
      ).toEqual(expected)
      options.check?.(api)
    }
  }
  return calm.calls.length * 2
}

const second = 1000

/** One life of the operator: what it remembers goes with it. */
class Process {
  readonly #api: ModelApi
  readonly #options: DriveOptions
  readonly #driven: Driven
  readonly #controllers: Controller[]
  readonly #queue = new Map<string, { controller: Controller; key: string }>()
  readonly #due = new Map<string, { controller: Controller; key: string; at: number }>()
  readonly #failures = new Map<string, number>()
  readonly stop: () => void

  constructor(api: ModelApi, options: DriveOptions, driven: Driven) {
    this.#api = api
    this.#options = options
    this.#driven = driven
    this.#controllers = options.controllers()
    this.stop = api.listen((object, old) => this.#changed(object, old))
    for (const object of api.all()) this.#changed(object, undefined)
  }

  /** True when nothing is left to do before `end`. */
  async untilQuiet(end: number): Promise<boolean> {
    for (;;) {
      for (const [id, entry] of this.#queue) {
        this.#queue.delete(id)
        await this.#look(id, entry.controller, entry.key)
      }
      if (this.#queue.size > 0 || (await this.#act())) continue
      const next = [...this.#due.values()].reduce((first, { at }) => Math.min(first, at), Number.POSITIVE_INFINITY)
      if (next > end) return true
      this.#api.now = Math.max(this.#api.now, next)
      for (const [id, entry] of this.#due) {
        if (entry.at <= this.#api.now) {
          this.#due.delete(id)
          this.#queue.set(id, entry)
        }
      }
    }
  }

  async #act(): Promise<boolean> {
    let acted = false
    for (const actor of this.#options.actors ?? []) acted = (await actor(this.#api)) === true || acted
    return acted
  }

  async #look(id: string, controller: Controller, key: string) {
    if (++this.#driven.looks > (this.#options.limit ?? 20_000)) throw new Error(`going in circles, last at ${id}`)
    this.#due.delete(id)
    const reader = () => liveReader(this.#api, indexTable(this.#options.indexes ?? {}))
    const deps = {
      client: this.#api,
      recorder: { record: (event: EventSpec) => this.#driven.events.push(event) },
      fieldManager: `granary-${controller.name}`,
      cached: { ...reader(), live: false },
      live: reader,
      now: () => this.#api.now,
    }
    try {
      const plan = await reconcileOnce(deps, controller, key)
      this.#failures.delete(id)
      if (plan?.requeueAfter !== undefined) this.#later(id, controller, key, plan.requeueAfter)
    } catch (error) {
      this.#failed(id, controller, key, error as Error)
    }
  }

  #failed(id: string, controller: Controller, key: string, error: Error) {
    if (error instanceof CrashError) throw error
    if (isApiError(error, (e) => e.isConflict)) return this.#later(id, controller, key, 100)
    this.#driven.errors.push(error)
    if (error instanceof TerminalError) return
    const failures = (this.#failures.get(id) ?? 0) + 1
    this.#failures.set(id, failures)
    const backoff = Math.min(second * 2 ** (failures - 1), 300 * second)
    this.#later(id, controller, key, error instanceof WaitError ? error.afterMs : backoff)
  }

  #later(id: string, controller: Controller, key: string, ms: number) {
    this.#due.set(id, { controller, key, at: this.#api.now + Math.max(ms, 1) })
  }

  #changed(object: KubeObject | undefined, old: KubeObject | undefined) {
    const subject = (object ?? old) as KubeObject
    for (const controller of this.#controllers) {
      for (const { kind, keys } of controller.watches) {
        if (kindKey(kind) !== kindKey(kindOf(subject))) continue
        for (const key of keys(subject, object && old))
          this.#queue.set(`${controller.name} ${key}`, { controller, key })
      }
    }
  }
}

/** Indexes under plural or kindKey, as a table that readers take. */
const indexTable = (indexes: Indexes): IndexTable => {
  const known = new Map<string, Readonly<Record<string, IndexFunction>>>()
  for (const [key, functions] of Object.entries(indexes)) if (functions) known.set(key, functions)
  return { get: (key: string) => known.get(key) ?? known.get(key.split('.')[0] ?? key) } as IndexTable
}
