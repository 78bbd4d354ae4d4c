import { createHash } from 'node:crypto'
import { ftruncateSync, writeSync } from 'node:fs'
import { type FileHandle, mkdtemp, open, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import type { ObjectStore, UploadFileOptions } from '../../../src/stores/object-store.ts'
import type { FaultyProxy } from '../../helpers/faulty-proxy.ts'
import { endOf, type FaultyS3, startFaultyS3 } from '../../helpers/faulty-store.ts'
import { listAll, pattern, readAll } from '../../helpers/move.ts'

const MiB = 1024 * 1024
/** Read here and sent at once; read by another thread; in parts. */
const contents = { small: pattern(60_000), medium: pattern(3 * MiB, 3), big: pattern(19 * MiB + 19, 7) }
type Name = keyof typeof contents
const names = Object.keys(contents) as Name[]
const sha256 = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex')

describe('uploads of files through a faulty proxy', () => {
  let world: FaultyS3
  let proxy: FaultyProxy
  let direct: ObjectStore
  let store: ObjectStore
  let dir: string
  const files = {} as Record<Name, FileHandle>

  beforeAll(async () => {
    world = await startFaultyS3()
    ;({ proxy, direct, store } = world)
    dir = await mkdtemp(join(tmpdir(), 'granary-lean-'))
    for (const name of names) {
      files[name] = await open(join(dir, name), 'w+')
      await files[name].write(contents[name])
    }
  })
  afterEach(async () => {
    proxy.plan()
    await direct.remove((await listAll(direct.list(''))).map(({ key }) => key))
  })
  afterAll(async () => {
    for (const file of Object.values(files)) await file.close()
    await world?.stop()
    if (dir) await rm(dir, { recursive: true, force: true })
  })

  const send = async (to: ObjectStore, name: Name, more: Partial<UploadFileOptions> = {}) => {
    const done = await to.uploadFile(name, files[name].fd, { size: contents[name].length, ...more })
    expect(done.sha256).toBe(sha256(contents[name]))
    expect(done.info.size).toBe(contents[name].length)
    expect((await readAll(direct, name)).equals(contents[name])).toBe(true)
  }
  const byOrdinaryClient = () =>
    proxy.log.filter(({ method, query }) => method === 'PUT' && query.includes('x-id=')).length
  test.each(names)('without a fault the ordinary client sends no bytes, and each goes once: %s', async (name) => {
    await send(store, name)
    expect(byOrdinaryClient()).toBe(0)
    expect(proxy.log.filter(({ method }) => method === 'PUT')).toHaveLength(name === 'big' ? 3 : 1)
    expect(await endOf(store.uploadFile(name, files[name].fd, { size: 5, ifAbsent: true }))).toBe('exists')
  })

  test('a file that gets shorter meanwhile is no success', async () => {
    const bytes = contents.big
    const overwrite = async () => ftruncateSync(files.big.fd, 9 * MiB)
    try {
      proxy.plan({ match: { method: 'POST', query: /uploads/ }, fault: { kind: 'before', run: overwrite } })
      expect(await endOf(store.uploadFile('big', files.big.fd, { size: bytes.length }))).toBe('changed')
      expect(await direct.abortUploads('')).toBe(0)
    } finally {
      writeSync(files.big.fd, bytes, 0, bytes.length, 0)
    }
  })

  test('stopping stops at once, and takes the parts back', async () => {
    const stop = new AbortController()
    const run = async () => stop.abort(new Error('stopped'))
    proxy.plan({ match: { method: 'PUT', query: /partNumber=2/ }, fault: { kind: 'before', run } })
    await expect(send(store, 'big', { signal: stop.signal })).rejects.toThrow('stopped')
    expect(await direct.abortUploads('')).toBe(0)
  })
})
