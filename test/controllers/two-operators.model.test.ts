import fc from 'fast-check'
import { expect, test, vi } from 'vitest'
import type { Dataset } from '../../src/api/dataset.ts'
import type { DatasetVersion } from '../../src/api/dataset-version.ts'
import * as kinds from '../../src/api/kinds.ts'
import { MoveSpec } from '../../src/api/move.ts'
import { exitCodeOf, type MoveResult } from '../../src/api/move-result.ts'
import { datasetController, indexes as datasetIndexes } from '../../src/controllers/dataset/index.ts'
import { lookController, indexes as lookIndexes } from '../../src/controllers/look/index.ts'
import { moversController, indexes as moversIndexes } from '../../src/controllers/movers/index.ts'
import { providerController, indexes as providerIndexes } from '../../src/controllers/provider/index.ts'
import { versionController, indexes as versionIndexes } from '../../src/controllers/version/index.ts'
import type { JobObject, PodObject } from '../../src/desired/objects.ts'
import type { Controller } from '../../src/kube/types.ts'
import { failureOf } from '../../src/mover/failure.ts'
import { runOperation } from '../../src/mover/operations.ts'
import { failedResult, resultText } from '../../src/mover/result.ts'
import { Fiber } from '../helpers/fiber.ts'
import type { ModelApi } from '../helpers/model-api.ts'
import { moveDeps } from '../helpers/move-deps.ts'
import { StaleOperator } from '../helpers/stale-operator.ts'
import { storeWorld } from '../transfer/store-world.ts'
import { config, dataset, modelWith, namespace, provider } from './dataset/actors.ts'

/** ms; of the runs together. A person may ask for more of them: GRANARY_MODEL_RUNS=2000. */
const limit = process.env.GRANARY_MODEL_RUNS === undefined ? 12_000 : 3_600_000
vi.setConfig({ testTimeout: limit + 120_000 })

const hour = 3_600_000
const controllers = (): Controller[] =>
  [
    providerController(),
    lookController(config),
    moversController({ maxMovers: 8, maxMoversPerNamespace: 8 }),
    datasetController(config),
    versionController({ ...config, defaultOutputSize: '1Gi' }),
  ] as Controller[]
const indexes = [providerIndexes, lookIndexes, moversIndexes, datasetIndexes, versionIndexes]

interface Mover {
  job: string
  fiber: Fiber
}

/** Two operators that both take themselves for the leader, one API server, one bucket, and the real movers. */
class Scene {
  readonly api: ModelApi
  readonly stored = storeWorld()
  readonly operators: StaleOperator[]
  movers: Mover[] = []
  /** Of every number that was ever committed: its content. */
  readonly seen = new Map<number, string>()
  /** Deleted before anybody had heard of their commit: a mover may have been faster, and what it committed stays for `adopt`. */
  readonly givenUp = new Set<number>()
  requests = 0

  constructor() {
    const bucket = provider({ prefix: '' })
    const source = { provider: 'bucket', prefix: 'raw/' }
    this.api = modelWith(bucket, dataset({ source, import: 'Copy', retention: { keepLast: 3, deletedGrace: '1h' } }))
    this.operators = [0, 1].map(() => new StaleOperator(this.api, controllers, indexes))
    this.pass(0)
  }

  pass(ms: number): void {
    this.api.now += ms
    this.stored.world.now = this.api.now
  }

  versions(): DatasetVersion[] {
    return this.api.all<DatasetVersion>(kinds.DatasetVersion)
  }

  change(alter: (dataset: Dataset) => void): void {
    this.api.change<Dataset>(kinds.Dataset, namespace, 'mnist', alter)
  }

  request(what: string, more = ''): void {
    this.change(({ metadata }) => {
      metadata.annotations = { ...metadata.annotations, [`granary.dev/${what}`]: `${++this.requests}${more}` }
    })
  }

  /** The Job controller and the kubelet: pods for Jobs that may run, results of movers that have ended, and an end for those whose Job is gone. */
  async kubelet(): Promise<void> {
    const jobs = this.api.all<JobObject>(kinds.Job)
    for (const job of jobs) if (!job.spec?.suspend && !job.status?.conditions?.length) this.#begin(job)
    for (const { job, fiber } of this.movers) {
      const owner = jobs.find(({ metadata }) => metadata.uid === job)
      if (owner === undefined) await fiber.kill(false)
      else if (fiber.ended !== undefined) this.#end(owner, fiber)
    }
    this.movers = this.movers.filter(({ fiber }) => fiber.ended === undefined)
    // Pods go with their Job.
    for (const pod of this.api.all<PodObject>(kinds.Pod))
      if (!jobs.some(({ metadata }) => metadata.uid === pod.metadata.ownerReferences?.[0]?.uid))
        this.api.remove(kinds.Pod, pod.metadata.namespace, pod.metadata.name)
  }

  #begin({ metadata, spec }: JobObject): void {
    const { name, uid = '', labels = {} } = metadata
    if (this.api.find(kinds.Pod, namespace, `${name}-x`)) return
    const owner = { apiVersion: 'batch/v1', kind: 'Job', name, uid }
    this.api.seed({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: `${name}-x`, namespace, labels, ownerReferences: [owner] },
      status: { phase: 'Running' },
    } as PodObject)
    const { template } = spec as unknown as { template: { spec: { containers: { env: { value: string }[] }[] } } }
    const move = MoveSpec.parse(JSON.parse(template.spec.containers[0]?.env[0]?.value ?? ''))
    const work = async (store: typeof this.stored.store): Promise<MoveResult> => {
      const { deps } = moveDeps({}, '/nowhere')
      const all = { ...deps, openStore: async () => store, now: () => this.api.now }
      try {
        return await runOperation(all, move)
      } catch (error) {
        return failedResult(move.op, failureOf(error))
      }
    }
    this.movers.push({ job: uid, fiber: new Fiber(this.stored.store, work as never) })
  }

  #end({ metadata }: JobObject, { result, ended }: Fiber): void {
    const failed = ended === 'failed' || (result as MoveResult).outcome === 'Failed'
    const exitCode = failed ? exitCodeOf[(result as { reason: keyof typeof exitCodeOf }).reason] : 0
    const message = resultText(result as MoveResult)
    this.api.change<PodObject>(kinds.Pod, namespace, `${metadata.name}-x`, (pod) => {
      pod.status = {
        phase: failed ? 'Failed' : 'Succeeded',
        containerStatuses: [{ name: 'mover', state: { terminated: { exitCode, message } } }],
      } as never
    })
    this.api.change<JobObject>(kinds.Job, namespace, metadata.name, (job) => {
      job.status = { conditions: [{ type: failed ? 'Failed' : 'Complete', status: 'True' }] }
    })
  }

  /** One record per number, the same for ever; what the cluster calls committed has it; and every byte of it is there. */
  async check(): Promise<void> {
    const records = new Map(this.stored.records().map((record) => [record.sequence, record.digest]))
    for (const [n, digest] of records) {
      expect(this.seen.get(n) ?? digest, `v${n}`).toBe(digest)
      this.seen.set(n, digest)
    }
    const numbers = this.versions().flatMap(({ status }) => status?.sequence ?? [])
    expect(new Set(numbers).size).toBe(numbers.length)
    for (const { metadata, status } of this.versions())
      if (status?.phase === 'Committed' && metadata.deletionTimestamp === undefined)
        expect(records.get(status.sequence ?? 0), metadata.name).toBe(status.digest)
    await this.stored.expectSound()
  }

  /** The lease is settled: one of them goes on, until it has nothing to do for a while. */
  async calm(): Promise<void> {
    const [leader] = this.operators as [StaleOperator]
    const end = this.api.now + 3 * hour
    for (let rounds = 0; rounds < 5000; rounds++) {
      await this.kubelet()
      for (const { fiber } of this.movers) await fiber.finish()
      await this.kubelet()
      leader.deliver()
      // In turn: in the operator nobody waits for others for ever.
      await leader.look(rounds)
      if (this.movers.length > 0 || leader.keys + leader.pending > 0) continue
      const { next } = leader
      if (next > end) return this.pass(Math.max(0, end - this.api.now))
      this.pass(Math.max(0, next - this.api.now))
    }
    throw new Error(`no end: ${leader.errors.slice(-3).join('; ')}`)
  }
}

type Action = (scene: Scene) => void | Promise<void>
const any = fc.nat({ max: 40 })
const who = fc.nat({ max: 1 })

const look = fc.tuple(who, any).map(
  ([i, at]): Action =>
    (scene) =>
      scene.operators[i]?.look(at),
)
const deliver = fc.tuple(who, any, fc.integer({ min: 1, max: 4 })).map(
  ([i, at, count]): Action =>
    (scene) =>
      scene.operators[i]?.deliver(at, count),
)
/** A whole operator comes up to date and looks at all it has. */
const work = who.map(
  (i): Action =>
    async (scene) => {
      scene.operators[i]?.deliver()
      for (let n = 0; n < 8; n++) await scene.operators[i]?.look(n)
    },
)
/** All of it goes on for a while: both operators, their movers, the kubelet. */
const rounds = fc.integer({ min: 1, max: 4 }).map(
  (count): Action =>
    async (scene) => {
      for (let n = 0; n < count; n++) {
        await scene.kubelet()
        for (const { fiber } of scene.movers) await fiber.finish()
        await scene.kubelet()
        for (const operator of scene.operators) {
          operator.deliver()
          for (let k = 0; k < 8; k++) await operator.look(k)
        }
        scene.pass(500)
      }
    },
)
const kubelet = fc.constant<Action>((scene) => scene.kubelet())
const step = fc.tuple(any, fc.integer({ min: 1, max: 15 })).map(
  ([at, calls]): Action =>
    async ({ movers }) => {
      const fiber = movers[at % Math.max(movers.length, 1)]?.fiber
      for (let n = 0; n < calls && fiber && fiber.ended === undefined; n++) await fiber.step()
    },
)
const finish = any.map(
  (at): Action =>
    async (scene) => {
      await scene.movers[at % Math.max(scene.movers.length, 1)]?.fiber.finish()
      await scene.kubelet()
    },
)
const crash = fc.tuple(any, fc.boolean()).map(
  ([ahead, after]): Action =>
    ({ api }) => {
      const at = api.calls.length + 1 + (ahead % 6)
      api.fault = ({ n }) => (n === at ? (after ? 'after' : 'before') : undefined)
    },
)
const source = fc.tuple(fc.constantFrom('a', 'b', 'c/d'), fc.constantFrom('1', '2', '3', '')).map(
  ([path, text]): Action =>
    async ({ stored: { store } }) => {
      if (text === '') await store.remove([`raw/${path}`])
      else await store.put(`raw/${path}`, Buffer.from(text))
    },
)
const sync = fc.constant<Action>((scene) => scene.request('sync-requested-at'))
const tag = any.map(
  (at): Action =>
    (scene) => {
      const committed = scene.versions().filter(({ status }) => status?.phase === 'Committed')
      const version = committed[at % Math.max(committed.length, 1)]?.status?.version
      scene.change(({ spec }) => {
        if (version) spec.tags = { prod: version }
        else delete spec.tags
      })
    },
)
const remove = any.map(
  (at): Action =>
    (scene) => {
      const all = scene.versions()
      const one = all[at % Math.max(all.length, 1)]
      if (one === undefined) return
      if (one.status?.digest === undefined) scene.givenUp.add(Number(/[0-9]+$/.exec(one.metadata.name)?.[0]))
      scene.api.remove(kinds.DatasetVersion, namespace, one.metadata.name)
    },
)
const restore = fc.integer({ min: 1, max: 6 }).map(
  (n): Action =>
    (scene) =>
      scene.change(({ metadata }) => {
        const value = `v${n} ${++scene.requests}`
        metadata.annotations = { ...metadata.annotations, 'granary.dev/restore': value }
      }),
)
const sweep = fc.boolean().map(
  (dry): Action =>
    (scene) =>
      scene.request('sweep-requested-at', dry ? ' dry-run' : ''),
)
const wait = fc.constantFrom(2000, 60_000, 2 * hour).map(
  (ms): Action =>
    (scene) =>
      scene.pass(ms),
)

const actions = fc.array(
  fc.oneof(
    { arbitrary: look, weight: 8 },
    { arbitrary: deliver, weight: 5 },
    { arbitrary: work, weight: 8 },
    { arbitrary: rounds, weight: 6 },
    { arbitrary: kubelet, weight: 4 },
    { arbitrary: step, weight: 4 },
    { arbitrary: finish, weight: 6 },
    { arbitrary: crash, weight: 2 },
    { arbitrary: source, weight: 3 },
    { arbitrary: sync, weight: 3 },
    { arbitrary: wait, weight: 3 },
    tag,
    remove,
    restore,
    sweep,
  ),
  { maxLength: 120, size: 'max' },
)

test('two operators with caches of their own, the real movers, one bucket: committed versions stay, numbers are given once, and garbage goes', async () => {
  await fc.assert(
    fc.asyncProperty(actions, async (list) => {
      const scene = new Scene()
      await scene.stored.store.put('raw/a', Buffer.from('0'))
      for (const act of list) {
        await act(scene)
        await scene.check()
      }
      scene.api.fault = () => undefined
      await scene.calm()
      await scene.check()
      for (let round = 0; round < 4; round++) {
        scene.request('sweep-requested-at')
        await scene.calm()
        await scene.check()
      }
      const committed = scene.versions().filter(({ status }) => status?.phase === 'Committed')
      const records = scene.stored.records().map(({ sequence }) => sequence)
      const known = committed.map(({ status }) => status?.sequence ?? 0)
      expect(records).toEqual(expect.arrayContaining(known))
      expect(records.filter((n) => !known.includes(n) && !scene.givenUp.has(n))).toEqual([])
      const left = [...scene.stored.store.objects.keys()].filter((key) =>
        /^granary\/vision\/mnist\/(?!sources\/|tags\/)/.test(key),
      )
      expect(left.sort()).toEqual(await scene.stored.neededKeys())
    }),
    // The same runs each time; a person who asks for more gets other ones, and the seed of those that fail.
    process.env.GRANARY_MODEL_RUNS === undefined
      ? { numRuns: 25, seed: 5, interruptAfterTimeLimit: limit }
      : { numRuns: Number(process.env.GRANARY_MODEL_RUNS) },
  )
})
