import { expect, test } from 'vitest'
import type { Dataset } from '../../../src/api/dataset.ts'
import type { DatasetVersion } from '../../../src/api/dataset-version.ts'
import * as kinds from '../../../src/api/kinds.ts'
import { annotations } from '../../../src/api/names.ts'
import { memoryStore } from '../../helpers/memory-store.ts'
import { storeVersion } from '../../helpers/stored-version.ts'
import { personAt, version, visionApi } from '../context.ts'

const now = '2026-01-01T00:00:00.000Z'

test('checkpoint asks, and with --wait says when it was done', async () => {
  const api = visionApi()
  const find = () => api.find<DatasetVersion>(kinds.DatasetVersion, 'vision', 'mnist-v3')
  await personAt(api).type('checkpoint mnist-v3')
  expect(find()?.metadata.annotations?.[annotations.checkpointRequestedAt]).toBe(now)
  const save = () =>
    api.change<DatasetVersion>(kinds.DatasetVersion, 'vision', 'mnist-v3', ({ status }) => {
      const request = find()?.metadata.annotations?.[annotations.checkpointRequestedAt]
      status!.checkpoint = { request, files: 3, bytes: 2048, left: 1, finishedAt: '2026-01-01T00:00:01Z' } as never
    })
  expect((await personAt(api, { each: save }).type('checkpoint mnist:v3 --wait')).out).toBe(
    '3 files, 2.0 KiB of mnist-v3 are saved; 1 files were being written and are left for the next time.',
  )
  const done = await personAt(api).type('checkpoint mnist-v2')
  expect([done.code, done.notes]).toEqual([5, expect.stringContaining('mnist-v2 is Committed')])
})

test('restore names a number, and waits until the version is there again', async () => {
  const api = visionApi()
  const asked = () => api.find<Dataset>(kinds.Dataset, 'vision', 'mnist')?.metadata.annotations?.[annotations.restore]
  expect((await personAt(api).type('restore mnist:prod')).code).toBe(2)
  expect((await personAt(api).type('restore mnist:v2')).code).toBe(5)
  expect(asked()).toBeUndefined()
  const each = () => {
    if (asked() !== undefined && !api.find(kinds.DatasetVersion, 'vision', 'mnist-v9')) api.seed(version('mnist', 9))
  }
  const { out, code } = await personAt(api, { each }).type('restore mnist:v9 --wait')
  expect([code, out]).toEqual([0, 'mnist:v9 is back: 90 files, 1.0 KiB.'])
  expect(asked()).toBe(`v9 ${now}`)
  const refuse = () =>
    api.change<Dataset>(kinds.Dataset, 'vision', 'mnist', ({ status }) => {
      status!.lastHandledRestore = asked()
    })
  const late = await personAt(api, { each: refuse }).type('restore mnist:v8 --wait')
  expect([late.code, late.notes]).toEqual([8, expect.stringContaining('its grace is over')])
})

test('gc says what would go, and changes nothing', async () => {
  const api = visionApi()
  const store = memoryStore('s3://team')
  const prefix = 'granary/vision/mnist/'
  api.change<Dataset>(kinds.Dataset, 'vision', 'mnist', ({ status }) => {
    Object.assign(status!, { store: { kind: 's3', bucket: 'team', prefix }, nextSequence: 4 })
  })
  api.change<DatasetVersion>(kinds.DatasetVersion, 'vision', 'mnist-v3', ({ status }) => {
    status!.phase = 'Abandoned'
  })
  await storeVersion(store, prefix, 3, { a: 'left behind' })
  const before = new Map(store.objects)
  const { out, code } = await personAt(api, { store }).type('gc mnist --dry-run')
  expect([code, out]).toEqual([0, expect.stringContaining('v3 was never committed')])
  expect(new Map(store.objects)).toEqual(before)
})

test('without --dry-run the operator is asked, and says what it removed', async () => {
  const api = visionApi()
  const each = () =>
    api.change<Dataset>(kinds.Dataset, 'vision', 'mnist', ({ metadata, status }) => {
      const asked = metadata.annotations?.[annotations.sweepRequestedAt]
      Object.assign(status!, {
        lastSweep: { request: asked, result: 'Done', objects: 3, bytes: 2048, finishedAt: '2026-01-01T00:00:01Z' },
      })
    })
  const { out } = await personAt(api, { each }).type('gc mnist --wait')
  expect(out).toBe('Removed 3 objects, 2.0 KiB that nothing refers to.')
})

test('commit --checkpoint names the version by its uid, if something was saved', async () => {
  const api = visionApi()
  const find = () => api.find<DatasetVersion>(kinds.DatasetVersion, 'vision', 'mnist-v3')
  const without = await personAt(api).type('commit mnist-v3 --checkpoint')
  expect([without.code, without.notes]).toEqual([5, expect.stringContaining('no checkpoint')])
  api.change<DatasetVersion>(kinds.DatasetVersion, 'vision', 'mnist-v3', ({ status }) => {
    status!.lastCheckpointAt = now
  })
  expect((await personAt(api).type('commit mnist-v3 --checkpoint')).code).toBe(0)
  expect(find()?.metadata.annotations?.[annotations.commitCheckpoint]).toBe(find()?.metadata.uid)
  expect(find()?.spec.committed).toBeUndefined()
})

test('materialize makes a version of the same content, and waits for it', async () => {
  const api = visionApi()
  const made = () =>
    api.all<DatasetVersion>(kinds.DatasetVersion, 'vision').find(({ spec }) => spec.from?.version !== undefined)
  const person = personAt(api, {
    each: () => {
      const name = made()?.metadata.name
      if (name === undefined) return
      api.change<DatasetVersion>(kinds.DatasetVersion, 'vision', name, (one) => {
        one.status = { phase: 'Committed', sequence: 4, version: 'v4', files: 10, size: '1.0 KiB' }
      })
    },
  })
  const { out, code } = await person.type('materialize mnist:prod --message ours --wait')
  expect([code, out]).toEqual([0, 'mnist:v4 has the content of v1: 10 files, 1.0 KiB, all in the store.'])
  expect(made()?.spec).toEqual({ dataset: 'mnist', from: { version: 'v1' }, message: 'ours' })
  expect(made()?.metadata.name).not.toMatch(/-v[0-9]+$/)
  expect((await person.type('materialize mnist:v3')).code).toBe(5)
})
