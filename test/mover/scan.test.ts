import { expect, test } from 'vitest'
import { runScan } from '../../src/mover/scan.ts'
import type { ObjectStore } from '../../src/stores/object-store.ts'
import { memoryStore } from '../helpers/memory-store.ts'
import { at, moveDeps } from '../helpers/move-deps.ts'

const dataset = { namespace: 'team', name: 'digits', uid: 'uid-1' }

test('a look that fails names up to five keys, and does not hide the next one', async () => {
  const [bad, good] = [memoryStore('memory://bad'), memoryStore('memory://good')]
  const keys = ['raw/\u0001', 'raw/../a', 'raw//b', 'raw/c/./d', 'raw/e/../f', 'raw/g/../h']
  for (const key of keys) await bad.put(key, Buffer.from('x'))
  await good.put('raw/a', Buffer.from('x'))
  const { deps } = moveDeps({ bad, good }, '')
  const items = [
    { dataset, source: at('bad', 'raw/') },
    { dataset, source: at('good', 'raw/') },
  ]
  const { items: found } = await runScan(deps, { op: 'Scan', items })
  expect(found).toMatchObject([{ reason: 'InvalidKeys' }, { objects: 1, bytes: 1 }])
  const { message } = found[0] as { message: string }
  expect(message).toMatch(/^6 keys under/)
  for (const key of keys.slice(0, 5)) expect(message).toContain(JSON.stringify(key))
  expect(message).not.toContain('raw/g/../h')
})

test('a source that is as it was is answered in short; one that hangs is put off and holds up no other', async () => {
  const [slow, good, same] = ['slow', 'good', 'same'].map((name) => memoryStore(`memory://${name}`))
  for (const store of [good, same]) await store!.put('raw/a', Buffer.from('x'))
  const stuck: ObjectStore = {
    ...slow!,
    close: async () => {},
    async *list(_prefix, options) {
      await new Promise((_, reject) => options?.signal?.addEventListener('abort', () => reject(new Error('aborted'))))
      yield* []
    },
  }
  const { deps } = moveDeps({ slow: stuck, good: good!, same: same! }, '')
  const item = (name: string, fingerprint?: string) => ({
    dataset,
    source: at(name, 'raw/'),
    ...(fingerprint === undefined ? {} : { fingerprint }),
  })
  const [first] = (await runScan(deps, { op: 'Scan', items: [item('same')] })).items
  const { fingerprint } = first as { fingerprint: string }
  const items = [item('slow'), item('good'), item('same', fingerprint)]
  const { items: found } = await runScan(deps, { op: 'Scan', items }, { item: 50, all: 10_000 })
  expect(found).toEqual([{ slow: true }, { objects: 1, bytes: 1, fingerprint }, true])
})

test('what is not begun in time has no answer', async () => {
  const good = memoryStore('memory://good')
  const { deps } = moveDeps({ good }, '')
  const items = Array.from({ length: 3 }, () => ({ dataset, source: at('good', 'raw/') }))
  const { items: found } = await runScan(deps, { op: 'Scan', items }, { item: 1000, all: 0 })
  expect(found).toEqual([null, null, null])
})
