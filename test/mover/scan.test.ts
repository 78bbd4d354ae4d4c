import { expect, test } from 'vitest'
import { runScan } from '../../src/mover/scan.ts'
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
