import { expect, test } from 'vitest'
import type { DatasetVersion } from '../../../src/api/dataset-version.ts'
import * as kinds from '../../../src/api/kinds.ts'
import { annotations } from '../../../src/api/names.ts'
import type { PodObject } from '../../../src/desired/objects.ts'
import { drive } from '../../helpers/drive.ts'
import type { ModelApi } from '../../helpers/model-api.ts'
import { house, inTurn, job, movers, ns, options, output, pod, statusOf, succeeds } from './scene.ts'

const run = (api: ModelApi) => drive(api, { ...options, actors: [inTurn(movers(succeeds))], limit: 500 })

/** A version that was opened because this one mounts the claim again. */
const openedFor = (who: object): ModelApi => {
  const api = house()
  output(api)
  api.change<DatasetVersion>(kinds.DatasetVersion, ns, 'mnist-v2', (object) => {
    object.metadata.annotations = { ...object.metadata.annotations, [annotations.openedFor]: JSON.stringify(who) }
  })
  return api
}
const lone = { kind: 'Pod', name: 'p', uid: 'uid-p' }

test('a pod that came and went while nobody looked: its bytes are kept, and a person decides', async () => {
  const api = openedFor(lone)
  await run(api)
  expect(statusOf(api)).toMatchObject({
    phase: 'Uncommitted',
    users: [{ ...lone, outcome: 'Unknown' }],
  })
  const committed = statusOf(api)?.conditions?.find(({ type }) => type === 'Committed')
  expect(committed).toMatchObject({ reason: 'ProducerUnknown' })
  api.change<DatasetVersion>(kinds.DatasetVersion, ns, 'mnist-v2', (object) => {
    object.spec.committed = true
  })
  await run(api)
  expect(statusOf(api)?.phase).toBe('Committed')
})

test('a pod that is there is looked at itself', async () => {
  const api = openedFor(lone)
  const there = pod('p', 'Pending')
  api.seed({ ...there, metadata: { ...there.metadata, uid: 'uid-p' } })
  await run(api)
  expect(statusOf(api)).toMatchObject({ phase: 'Running' })
  expect(statusOf(api)?.users).toBeUndefined()
  api.change<PodObject>(kinds.Pod, ns, 'p', (object) => {
    object.status = {
      phase: 'Succeeded',
      containerStatuses: [{ name: 'main', state: { terminated: { exitCode: 0 } } }],
    }
  })
  await run(api)
  expect(statusOf(api)).toMatchObject({ phase: 'Committed', users: [{ kind: 'Pod', name: 'p', outcome: 'Succeeded' }] })
})

test('a Job tells by itself how it ended, without its pods', async () => {
  const api = openedFor({ kind: 'Job', name: 'train', uid: 'uid-train' })
  const train = job('train')
  api.seed({ ...train, metadata: { ...train.metadata, uid: 'uid-train' } })
  await run(api)
  expect(statusOf(api)).toMatchObject({ phase: 'Running' })
  api.change(kinds.Job, ns, 'train', (object) => {
    Object.assign(object, { status: { conditions: [{ type: 'Complete', status: 'True' }] } })
  })
  await run(api)
  expect(statusOf(api)).toMatchObject({ phase: 'Committed', users: [{ kind: 'Job', outcome: 'Succeeded' }] })
})

test('what is no writer in that annotation is not believed', async () => {
  const api = openedFor({ kind: 'Pod' })
  await run(api)
  expect(statusOf(api)).toMatchObject({ phase: 'Running' })
})
