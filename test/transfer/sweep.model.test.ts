import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { expect, onTestFinished, test, vi } from 'vitest'
import { Fiber } from '../helpers/fiber.ts'
import { hour, storeWorld } from './store-world.ts'

/** ms; of the runs together. A person may ask for more of them: GRANARY_MODEL_RUNS=5000. */
const limit = process.env.GRANARY_MODEL_RUNS === undefined ? 25_000 : 3_600_000
vi.setConfig({ testTimeout: limit + 120_000 })

type World = ReturnType<typeof storeWorld>

/** What the operator knows of a number. */
interface Known {
  phase: 'Open' | 'Committed' | 'Deleted' | 'Over'
  parent: number | undefined
  /** Of an output: the volume. */
  data?: string
  /** ms; of a deleted one. */
  until?: number
  digest?: string
}

interface Running {
  fiber: Fiber
  kind: 'import' | 'sweep'
  sequence?: number
  /** Movers that the operator knows of and a sweep that may remove manifests exclude each other. */
  quiet?: boolean
  /** Its pod was deleted by force: nobody hears of it, and it goes on. */
  lost?: boolean
}

/** An operator as it decides: numbers in order, one look at the store only through movers, several movers at once. */
class Model {
  readonly scene: World = storeWorld()
  readonly known = new Map<number, Known>()
  running: Running[] = []
  next = 1
  tags: Record<string, number> = {}

  committed(): number[] {
    return [...this.known].filter(([, { phase }]) => phase === 'Committed').map(([n]) => n)
  }

  open(): number[] {
    const busy = this.#heard().flatMap(({ sequence }) => (sequence === undefined ? [] : [sequence]))
    const undecided = [...this.known].filter(([, { phase }]) => phase === 'Open').map(([n]) => n)
    return [...new Set([...busy, ...undecided])]
  }

  /** Numbers that open versions refer to: a version in use is not deleted. */
  inUse(n: number): boolean {
    return [...this.known.values()].some(({ phase, parent }) => phase === 'Open' && parent === n)
  }

  isSweepingManifests(): boolean {
    return this.running.some(({ kind, quiet }) => kind === 'sweep' && quiet === true)
  }

  #heard(): Running[] {
    return this.running.filter(({ lost }) => lost !== true)
  }

  /** An attempt for the number: an import, or, where it has a volume, an output. */
  start(sequence: number): void {
    if (this.isSweepingManifests() || this.#heard().some((one) => one.sequence === sequence)) return
    const { parent, data } = this.known.get(sequence) as Known
    const { scene } = this
    const fiber = new Fiber(scene.store, (store) =>
      data === undefined ? scene.importAs(store, sequence, parent) : scene.finalizeAs(store, sequence, data, parent),
    )
    this.running.push({ fiber, kind: 'import', sequence })
  }

  /** The operator lets go of a mover and takes it for dead. */
  lose(at: number): void {
    const one = pick(
      this.#heard().filter(({ kind }) => kind === 'import'),
      at,
    )
    if (one) one.lost = true
  }

  volume(): string {
    const data = mkdtempSync(join(tmpdir(), 'granary-model-'))
    this.#volumes.push(data)
    return data
  }

  readonly #volumes: string[] = []
  end(): void {
    for (const data of this.#volumes) rmSync(data, { recursive: true, force: true })
  }

  startSweep(all: boolean, limit: number, restore: number[]): void {
    if (this.running.some(({ kind }) => kind === 'sweep')) return
    const quiet = !this.#heard().some(({ kind }) => kind === 'import')
    const tombstones = [...this.known]
      .filter(([n, { phase }]) => phase === 'Deleted' && !restore.includes(n))
      .map(([sequence, { until = 0 }]) => ({ sequence, until }))
    const sweeping = {
      tombstones,
      restore,
      open: this.open(),
      next: this.next,
      tags: { ...this.tags },
      quiet,
      all,
      limit,
    }
    const fiber = new Fiber(this.scene.store, (store) => this.scene.sweepWith(store, sweeping))
    this.running.push({ fiber, kind: 'sweep', quiet })
  }

  /** What came of movers that have ended. */
  settle(): void {
    for (const one of this.#heard()) if (one.fiber.ended !== undefined) this.#hear(one)
    this.running = this.running.filter(({ fiber }) => fiber.ended === undefined)
  }

  #hear({ fiber, kind, sequence }: Running): void {
    const result = fiber.result as
      | { outcome?: string; digest?: string; purged?: number[]; restored?: { n: number }[] }
      | undefined
    const version = sequence === undefined ? undefined : this.known.get(sequence)
    if (kind === 'import' && version?.phase === 'Open') {
      if (result?.outcome === 'Committed') Object.assign(version, { phase: 'Committed', digest: result.digest })
      if (result?.outcome === 'Unchanged') version.phase = 'Over'
      const reason = (fiber.error as { reason?: string } | undefined)?.reason
      if (reason === 'BaseGone') version.parent = undefined
      else if (fiber.ended === 'failed' && (fiber.error as Error).name !== 'Error')
        expect(reason, String(fiber.error)).toMatch(/Drifted|WritersActive|Unreachable/)
    }
    for (const n of result?.purged ?? [])
      if (this.known.get(n)?.phase === 'Deleted') (this.known.get(n) as Known).phase = 'Over'
    for (const { n } of result?.restored ?? [])
      if (this.known.get(n)?.phase === 'Deleted') (this.known.get(n) as Known).phase = 'Committed'
  }

  /** What the operator holds to be committed has its record, the same content as ever, and every byte of it. */
  async check(): Promise<void> {
    const records = new Map(this.scene.records().map((record) => [record.sequence, record]))
    for (const [n, { phase, digest }] of this.known)
      if (phase === 'Committed') expect(records.get(n)?.digest, `v${n}`).toBe(digest)
    await this.scene.expectSound()
  }
}

type Action = (model: Model) => void | Promise<void>

const path = fc.constantFrom('a', 'b', 'c', 'd/e')
const flat = fc.constantFrom('a', 'b', 'c')
const pick = <T>(list: readonly T[], at: number): T | undefined => list[at % Math.max(list.length, 1)]
const any = fc.nat({ max: 20 })

const change = fc.tuple(path, fc.constantFrom('1', '2', '3')).map(
  ([p, text]): Action =>
    async ({ scene }) => {
      await scene.source.put(`raw/${p}`, Buffer.from(text))
    },
)
const drop = path.map(
  (p): Action =>
    async ({ scene }) => {
      await scene.source.remove([`raw/${p}`])
    },
)
const open = fc.boolean().map(
  (based): Action =>
    (model) => {
      const parent = based ? Math.max(0, ...model.committed()) || undefined : undefined
      model.known.set(model.next, { phase: 'Open', parent })
      model.start(model.next++)
    },
)
/** A writer's volume, which becomes a version. */
const output = fc.tuple(fc.boolean(), fc.dictionary(flat, fc.constantFrom('1', '2', '3'), { maxKeys: 3 })).map(
  ([based, files]): Action =>
    (model) => {
      const parent = based ? Math.max(0, ...model.committed()) || undefined : undefined
      const data = model.volume()
      for (const [name, text] of Object.entries(files)) writeFileSync(join(data, name), text)
      model.known.set(model.next, { phase: 'Open', parent, data })
      model.start(model.next++)
    },
)
/** A pod writes to the volume of an open version, or of one that is committed already. */
const write = fc.tuple(any, flat, fc.constantFrom('1', '2', '33')).map(
  ([at, name, text]): Action =>
    (model) => {
      const volumes = [...model.known.values()].flatMap(({ data }) => (data === undefined ? [] : [data]))
      const data = pick(volumes, at)
      if (data !== undefined) writeFileSync(join(data, name), text)
    },
)
const lose = any.map(
  (at): Action =>
    (model) =>
      model.lose(at),
)
/** Another cluster has a Dataset of this name on the same bucket: it is told so, and touches nothing. */
const foreign = any.map(
  (at): Action =>
    async (model) => {
      const { store } = model.scene
      if (!store.objects.has('granary/vision/mnist/LAYOUT.json')) return
      const before = new Map(store.objects)
      const import_ = model.scene.finalizeAs(store, (at % 6) + 1, tmpdir(), undefined, 'uid-2')
      await expect(import_).rejects.toMatchObject({ reason: 'AdoptionRequired' })
      expect(store.objects).toEqual(before)
    },
)
/** Another attempt of an open version: the last one has ended, or was killed. */
const again = any.map(
  (at): Action =>
    (model) => {
      const number = pick(
        [...model.known].filter(([, { phase }]) => phase === 'Open').map(([n]) => n),
        at,
      )
      if (number !== undefined) model.start(number)
    },
)
/** Given up, though a mover may still be at it. */
const abandon = any.map(
  (at): Action =>
    (model) => {
      const version = pick(
        [...model.known.values()].filter(({ phase }) => phase === 'Open'),
        at,
      )
      if (version) version.phase = 'Over'
    },
)
const remove = fc.tuple(any, fc.constantFrom(0, hour / 2, 3 * hour)).map(
  ([at, grace]): Action =>
    (model) => {
      const n = pick(model.committed(), at)
      if (n === undefined || model.inUse(n)) return
      Object.assign(model.known.get(n) as Known, { phase: 'Deleted', until: model.scene.world.now + grace })
    },
)
const tag = any.map(
  (at): Action =>
    (model) => {
      const n = pick(model.committed(), at)
      if (n !== undefined) model.tags = { ...model.tags, prod: n }
    },
)
const sweep = fc.tuple(fc.boolean(), fc.constantFrom(1, 3, 1000), any, fc.boolean()).map(
  ([all, limit, at, back]): Action =>
    (model) => {
      const deleted = [...model.known].filter(([, { phase }]) => phase === 'Deleted').map(([n]) => n)
      const n = back ? pick(deleted, at) : undefined
      model.startSweep(all, limit, n === undefined ? [] : [n])
    },
)
const step = fc.tuple(any, fc.integer({ min: 1, max: 12 })).map(
  ([at, count]): Action =>
    async (model) => {
      const one = pick(model.running, at)
      for (let i = 0; i < count && one && one.fiber.ended === undefined; i++) await one.fiber.step()
    },
)
const finish = any.map(
  (at): Action =>
    async (model) => {
      await pick(model.running, at)?.fiber.finish()
    },
)
const crash = fc.tuple(any, fc.boolean()).map(
  ([at, after]): Action =>
    async (model) => {
      await pick(model.running, at)?.fiber.kill(after)
    },
)
/** Time goes by. No mover lives as long as a grace: what is still under way when one could end is over. */
const wait = fc.constantFrom(hour / 4, 2 * hour).map(
  (ms): Action =>
    async (model) => {
      for (const { fiber } of model.running) await fiber.kill(false)
      model.settle()
      model.scene.world.now += ms
    },
)

const actions = fc.array(
  fc.oneof(
    { arbitrary: change, weight: 3 },
    drop,
    { arbitrary: open, weight: 3 },
    { arbitrary: output, weight: 3 },
    { arbitrary: write, weight: 2 },
    { arbitrary: again, weight: 2 },
    lose,
    foreign,
    abandon,
    { arbitrary: remove, weight: 2 },
    tag,
    { arbitrary: sweep, weight: 3 },
    { arbitrary: step, weight: 6 },
    { arbitrary: finish, weight: 4 },
    { arbitrary: crash, weight: 2 },
    { arbitrary: wait, weight: 2 },
  ),
  { maxLength: 40, size: 'max' },
)

/** Everybody comes to an end, and all that is to go has gone. */
const calmDown = async (model: Model): Promise<void> => {
  for (const { fiber } of model.running) await fiber.finish()
  model.settle()
  expect(model.running).toEqual([])
  for (const version of model.known.values()) if (version.phase === 'Open') version.phase = 'Over'
  for (let round = 0; round < 4; round++) {
    model.scene.world.now += 4 * hour
    model.startSweep(true, 1000, [])
    await model.running[0]?.fiber.finish()
    expect(model.running[0]?.fiber.error).toBeUndefined()
    model.settle()
    await model.check()
  }
}

test('whatever comes in between: what is committed reads back the same, and what nothing refers to goes in the end', async () => {
  await fc.assert(
    fc.asyncProperty(actions, async (list) => {
      const model = new Model()
      onTestFinished(() => model.end())
      await model.scene.source.put('raw/a', Buffer.from('0'))
      for (const act of list) {
        await act(model)
        model.settle()
        await model.check()
      }
      await calmDown(model)
      const tags = Object.values(model.tags).filter((n) =>
        model.scene.records().some((one) => one.sequence === n),
      ).length
      const needed = [
        ...(await model.scene.neededKeys()),
        ...(tags > 0 ? ['granary/vision/mnist/tags/prod.json'] : []),
      ].sort()
      // What the last import recorded of its source is there for the next one, whatever became of its own number.
      const ofVersions = [...model.scene.store.objects.keys()].filter(
        (key) => !/^granary\/vision\/mnist\/sources\//.test(key),
      )
      expect(ofVersions.sort()).toEqual(needed)
      // Late commits of numbers that were given up may stay: nobody asked for their deletion.
      for (const n of model.committed()) expect(model.scene.records().map(({ sequence }) => sequence)).toContain(n)
    }),
    { numRuns: Number(process.env.GRANARY_MODEL_RUNS ?? 40), interruptAfterTimeLimit: limit },
  )
})
