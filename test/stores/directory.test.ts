import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { openDirectoryStore } from '../../src/stores/directory/store.ts'
import { listAll } from '../helpers/move.ts'
import { storeContract } from '../helpers/store-contract.ts'

describe('a directory as a store', () => {
  const parent = mkdtempSync(join(tmpdir(), 'granary-store-'))
  let made = 0
  const directory = () => {
    const path = join(parent, String(++made))
    mkdirSync(path)
    return path
  }
  afterAll(() => rmSync(parent, { recursive: true, force: true }))

  storeContract(() => openDirectoryStore(directory()))

  test('keys that no directory can hold are refused', async () => {
    const store = openDirectoryStore(directory())
    for (const key of ['', 'a/', '/a', 'a//b', '../a', 'a/./b', 'a\0', `${'x'.repeat(256)}`]) {
      await expect(store.put(key, Buffer.alloc(1))).rejects.toMatchObject({ failure: 'invalid' })
    }
    await store.put('a', Buffer.alloc(1))
    await expect(store.put('a/b', Buffer.alloc(1))).rejects.toMatchObject({ failure: 'invalid' })
  })

  test('what a killed writer left is not listed, and swept', async () => {
    const path = directory()
    const store = openDirectoryStore(path)
    await store.put('a/b', Buffer.from('x'))
    writeFileSync(join(path, 'a', '.granary-put-123'), 'half')
    expect((await listAll(store.list(''))).map(({ key }) => key)).toEqual(['a/b'])
    expect(await store.abortUploads('c/')).toBe(0)
    expect(await store.abortUploads('a/')).toBe(1)
  })

  test('a directory that is not there is said', async () => {
    await expect(listAll(openDirectoryStore(join(parent, 'none')).list(''))).rejects.toMatchObject({
      failure: 'no-bucket',
    })
  })
})
