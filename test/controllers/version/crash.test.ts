import fc from 'fast-check'
import { describe, expect, test, vi } from 'vitest'
import * as kinds from '../../../src/api/kinds.ts'
import type { JobObject, PodObject } from '../../../src/desired/objects.ts'
import { crashEverywhere, drive } from '../../helpers/drive.ts'
import type { ModelApi } from '../../helpers/model-api.ts'
import {
  binder,
  fails,
  house,
  inTurn,
  job,
  movers,
  ns,
  once,
  options,
  output,
  pod,
  statusOf,
  succeeds,
  version,
} from './scene.ts'

// Hundreds of whole runs: generous on a busy machine.
vi.setConfig({ testTimeout: 120_000 })

const ended = (api: ModelApi, name: string, phase: string) =>
  api.change<PodObject>(kinds.Pod, ns, name, (each) => {
    each.status = {
      phase,
      containerStatuses: [{ name: 'main', state: { terminated: { exitCode: phase === 'Failed' ? 1 : 0 } } }],
    }
  })
const completed = (api: ModelApi, name: string) =>
  api.change<JobObject>(kinds.Job, ns, name, (each) => {
    each.status = { conditions: [{ type: 'Complete', status: 'True' }] }
  })
const nothingLeft = (api: ModelApi) => {
  const movers = api.all(kinds.Job, ns).filter((each) => each.metadata.labels?.['granary.dev/role'] === 'mover')
  expect(movers.map((each) => each.metadata.name)).toEqual([])
}

describe('a crash before or after any call ends the same', () => {
  test('an import whose first attempt fails', async () => {
    const tried = await crashEverywhere(
      () => {
        const api = house()
        api.seed(version('mnist-v1', 1, { from: { source: {} } }))
        return api
      },
      {
        ...options,
        limit: 500,
        actors: [
          (api) => {
            const first = api.find(kinds.Job, ns, `granary-import-${uidOf(api, 'mnist-v1')}-1`) !== undefined
            return movers(first ? fails('Unreachable', 'Import') : succeeds)(api)
          },
        ],
        check: (api) => {
          expect(statusOf(api, 'mnist-v1')?.phase).toBe('Committed')
          nothingLeft(api)
        },
      },
    )
    expect(tried).toBeGreaterThan(10)
  })

  test('an output with a mirror', async () => {
    await crashEverywhere(
      () => {
        const api = house({ writeBack: { provider: 'team', prefix: 'mirror/' } })
        output(api)
        const train = api.seed(job('train'))
        api.seed(pod('train-1', 'Running', { owner: train }))
        return api
      },
      {
        ...options,
        limit: 500,
        actors: [
          inTurn((api) => {
            if (api.find<PodObject>(kinds.Pod, ns, 'train-1')?.status?.phase !== 'Running') return false
            ended(api, 'train-1', 'Succeeded')
            completed(api, 'train')
            return true
          }, movers()),
        ],
        check: (api) => {
          expect(statusOf(api)?.phase).toBe('Committed')
          expect(statusOf(api)?.mirror?.finishedAt).toBeDefined()
          nothingLeft(api)
        },
      },
    )
  })

  test("a person's version with a claim of its own", async () => {
    await crashEverywhere(
      () => {
        const api = house()
        api.seed(version('cleaned', 2))
        return api
      },
      {
        ...options,
        limit: 500,
        leaveOut: (object) => object.kind === 'Pod',
        actors: [
          inTurn(
            (api) => {
              const claim = api.find(kinds.Claim, ns, 'cleaned')
              if (statusOf(api, 'cleaned')?.phase !== 'Running' || !claim?.metadata.finalizers?.length) return false
              // What guards the claim is the claim controller's to take off.
              api.change(kinds.Claim, ns, 'cleaned', (each) => {
                each.metadata.finalizers = []
              })
              if (!api.find(kinds.Pod, ns, 'shell')) api.seed(pod('shell', 'Succeeded', { claim: 'cleaned' }))
              return true
            },
            binder,
            movers(),
          ),
        ],
        check: (api) => {
          expect(statusOf(api, 'cleaned')?.phase).toBe('Committed')
          expect(api.find(kinds.Claim, ns, 'cleaned')).toBeUndefined()
          nothingLeft(api)
        },
      },
    )
  })
})

const uidOf = (api: ModelApi, name: string) => api.find(kinds.DatasetVersion, ns, name)?.metadata.uid

test('whatever happens to its pods and to the operator, an output whose Job succeeds ends Committed, once', async () => {
  const acts = fc.array(fc.constantFrom('fail', 'drain', 'mover', 'crash', 'nothing'), { maxLength: 14 })
  await fc.assert(
    fc.asyncProperty(acts, fc.nat(5), async (history, crashAt) => {
      const api = house()
      output(api)
      const train = api.seed(job('train'))
      let pods = 0
      const start = (model: ModelApi) => model.seed(pod(`train-${++pods}`, 'Running', { owner: train }))
      start(api)
      const begun = api.calls.length
      if (history.includes('crash')) api.fault = (call) => (call.n === begun + crashAt + 1 ? 'after' : undefined)
      const steps = history.map((what) => (model: ModelApi) => {
        const name = `train-${pods}`
        if (what === 'fail') ended(model, name, 'Failed')
        if (what === 'drain') model.remove(kinds.Pod, ns, name)
        if (what === 'fail' || what === 'drain') start(model)
        // While the Job may still write nothing of the version is in the store.
        expect(statusOf(model)?.phase ?? 'Pending').not.toBe('Committed')
        expect(statusOf(model)?.phase ?? 'Pending').not.toBe('Finalizing')
      })
      let commits = 0
      const mover = movers((spec, n) => {
        commits++
        return n === 1 && crashAt % 2 === 0 ? 'die' : succeeds(spec, n)
      })
      const last = (model: ModelApi) => {
        ended(model, `train-${pods}`, 'Succeeded')
        completed(model, 'train')
      }
      await drive(api, { ...options, limit: 1000, actors: [inTurn(once(...steps, last), mover)] })
      expect(statusOf(api)?.phase).toBe('Committed')
      expect(commits).toBeLessThanOrEqual(2)
      nothingLeft(api)
    }),
    { numRuns: 15 },
  )
})
