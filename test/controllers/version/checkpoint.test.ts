import { expect, test, vi } from 'vitest'
import type { DatasetVersion } from '../../../src/api/dataset-version.ts'
import * as kinds from '../../../src/api/kinds.ts'
import type { MoveDone } from '../../../src/api/move-result.ts'
import { annotations } from '../../../src/api/names.ts'
import type { ClaimObject, JobObject, PodObject } from '../../../src/desired/objects.ts'
import { crashEverywhere, drive } from '../../helpers/drive.ts'
import type { ModelApi } from '../../helpers/model-api.ts'
import {
  type Answer,
  type Asked,
  house,
  inTurn,
  movers,
  ns,
  options,
  output,
  pod,
  statusOf,
  succeeds,
} from './scene.ts'

// Many runs of a model: a busy machine needs its time.
vi.setConfig({ testTimeout: 60_000 })

const saved: MoveDone = {
  op: 'Checkpoint',
  outcome: 'Done',
  files: 2,
  bytes: 20,
  uploaded: 10,
  left: 1,
  names: ['busy'],
}

const scene = (answer: Answer = () => saved) => {
  const asked: Asked = []
  const actor = movers((spec, nth) => (spec.op === 'Checkpoint' ? answer(spec, nth) : succeeds(spec, nth)), asked)
  return { asked, ops: () => asked.map(({ op }) => op), world: { ...options, actors: [inTurn(actor)], limit: 5000 } }
}

const running = (spec: Record<string, unknown> = {}, mode = 'ReadWriteOnce'): ModelApi => {
  const api = house()
  output(api, spec)
  api.change<ClaimObject>(kinds.Claim, ns, 'out', (claim) => {
    claim.spec = { ...claim.spec, accessModes: [mode] }
  })
  const writer = pod('w', 'Running')
  api.seed({ ...writer, spec: { ...writer.spec, nodeName: 'node-7' } } as PodObject)
  return api
}
const ask = (api: ModelApi, name: string, value: string) =>
  api.change<DatasetVersion>(kinds.DatasetVersion, ns, 'mnist-v2', (object) => {
    object.metadata.annotations = { ...object.metadata.annotations, [name]: value }
  })
const condition = (api: ModelApi) => {
  const found = statusOf(api)?.conditions?.find(({ type }) => type === 'Checkpointed')
  return found && `${found.status} ${found.reason}: ${found.message}`
}
const uid = (api: ModelApi) => api.find<DatasetVersion>(kinds.DatasetVersion, ns, 'mnist-v2')?.metadata.uid ?? ''

test('on request: saved beside the writer, on its node, and the version goes on Running', async () => {
  const api = running()
  const { asked, ops, world } = scene()
  let template: Record<string, unknown> | undefined
  api.listen((object) => {
    if (object?.kind === 'Job')
      template = (object as JobObject & { spec: { template: { spec: object } } }).spec.template.spec as never
  })
  await drive(api, world)
  expect(ops()).toEqual([])
  ask(api, annotations.checkpointRequestedAt, 'one')
  await drive(api, { ...world, horizon: 20_000 })
  expect(ops()).toEqual(['Checkpoint'])
  expect(JSON.stringify(template?.affinity)).toContain('"values":["node-7"]')
  expect(template?.tolerations).toEqual([{ operator: 'Exists' }])
  expect(asked[0]).toMatchObject({ op: 'Checkpoint', sequence: 2, dataset: { name: 'mnist' } })
  const status = statusOf(api)
  expect(status).toMatchObject({ phase: 'Running', checkpoint: { request: 'one', files: 2, uploaded: 10, left: 1 } })
  expect(Date.parse(status?.lastCheckpointAt ?? '')).toBeLessThanOrEqual(
    Date.parse(status?.checkpoint?.finishedAt ?? ''),
  )
  expect(status?.progress).toBeUndefined()
  expect(condition(api)).toMatch(
    /^True Checkpointed: Saved 2 files, 20 B, of which 10 B were uploaded. 1 were being .*busy/,
  )
  expect(api.all(kinds.Job)).toEqual([])
  await drive(api, world)
  expect(ops()).toHaveLength(1)
})

test('at its interval, counted from the end of the last', async () => {
  const api = running({ checkpoint: { interval: '10m' } })
  const { ops, world } = scene()
  await drive(api, { ...world, horizon: 3_500_000 })
  expect(ops().length).toBeGreaterThanOrEqual(5)
  expect(new Set(ops())).toEqual(new Set(['Checkpoint']))
})

test('nothing is saved while nobody writes, nor of a volume that one pod alone can use', async () => {
  const api = running({}, 'ReadWriteOncePod')
  const { ops, world } = scene()
  ask(api, annotations.checkpointRequestedAt, 'one')
  await drive(api, { ...world, horizon: 20_000 })
  expect(ops()).toEqual([])
  expect(condition(api)).toContain('False Unsupported: Claim out is ReadWriteOncePod')
  const other = running()
  other.change<PodObject>(kinds.Pod, ns, 'w', (object) => {
    object.status = { phase: 'Pending' }
  })
  ask(other, annotations.checkpointRequestedAt, 'one')
  await drive(other, { ...world, horizon: 20_000 })
  expect(ops()).toEqual([])
  expect(statusOf(other)?.checkpoint).toBeUndefined()
})

test('one that fails is said and tried again; the writer that ends stops it, and what it wrote is committed', async () => {
  const api = running()
  const { ops, world } = scene(() => ({
    op: 'Checkpoint',
    outcome: 'Failed',
    reason: 'Unreachable',
    message: 'No answer.',
  }))
  ask(api, annotations.checkpointRequestedAt, 'one')
  await drive(api, { ...world, horizon: 20_000 })
  expect(condition(api)).toBe('False Unreachable: No answer.')
  expect(statusOf(api)).toMatchObject({ phase: 'Running' })
  expect(statusOf(api)?.lastCheckpointAt).toBeUndefined()
  api.change<PodObject>(kinds.Pod, ns, 'w', (object) => {
    object.status = {
      phase: 'Succeeded',
      containerStatuses: [{ name: 'main', state: { terminated: { exitCode: 0 } } }],
    }
  })
  await drive(api, world)
  expect(ops().at(-1)).toBe('Finalize')
  expect(statusOf(api)?.phase).toBe('Committed')
  expect(api.all(kinds.Job)).toEqual([])
})

test('a mover that holds the volume where the writer is no more is stopped', async () => {
  const api = running()
  const { world } = scene()
  const idle = { ...world, actors: [] }
  ask(api, annotations.checkpointRequestedAt, 'one')
  await drive(api, { ...idle, horizon: 5_000 })
  expect(api.all(kinds.Job)).toHaveLength(1)
  api.change<PodObject>(kinds.Pod, ns, 'w', (object) => {
    object.status = { phase: 'Pending' }
  })
  await drive(api, { ...idle, horizon: 5_000 })
  expect(api.all(kinds.Job)).toEqual([])
  expect(statusOf(api)?.checkpoint?.startedAt).toBeUndefined()
})

test('a volume that is lost: what the last checkpoint saved is committed by a word of a person, and only then', async () => {
  const api = running()
  const { asked, world } = scene()
  ask(api, annotations.checkpointRequestedAt, 'one')
  await drive(api, { ...world, horizon: 20_000 })
  ask(api, annotations.commitCheckpoint, uid(api))
  await drive(api, { ...world, horizon: 20_000 })
  expect(statusOf(api)?.phase).toBe('Running')
  const stalled = statusOf(api)?.conditions?.find(({ type }) => type === 'Stalled')
  expect(stalled?.message).toMatch(/when pod w is gone: delete it, with --force/)
  api.remove(kinds.Pod, ns, 'w')
  await drive(api, world)
  expect(statusOf(api)?.phase).toBe('Committed')
  expect(asked.at(-1)).toMatchObject({ op: 'Finalize', checkpoint: true })
})

test('whatever call the operator dies at, the end is the same', async () => {
  const { world } = scene()
  const tried = await crashEverywhere(
    () => {
      const api = running()
      ask(api, annotations.checkpointRequestedAt, 'one')
      return api
    },
    {
      ...world,
      horizon: 20_000,
      leaveOut: (object) => object.kind === 'DatasetVersion',
      check: (api) => {
        expect(statusOf(api)).toMatchObject({ phase: 'Running', checkpoint: { files: 2, request: 'one' } })
        expect(statusOf(api)?.lastCheckpointAt).toBeDefined()
        expect(api.all(kinds.Job)).toEqual([])
      },
    },
  )
  expect(tried).toBeGreaterThan(6)
})
