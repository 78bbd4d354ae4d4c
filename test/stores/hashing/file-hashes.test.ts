import { createHash } from 'node:crypto'
import { closeSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { FileHashes } from '../../../src/stores/hashing/file-hashes.ts'
import { pattern } from '../../helpers/move.ts'

let dir: string
let hashes: FileHashes
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'granary-hash-'))
  hashes = new FileHashes(2)
})
afterAll(async () => {
  await hashes.close()
  rmSync(dir, { recursive: true })
})

const sha256 = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex')

test('files are hashed while they grow, many at a time, and again and again', async () => {
  const one = async (name: string) => {
    const bytes = pattern(1_500_000 + Number(name), Number(name))
    const fd = openSync(join(dir, name), 'w+')
    const hash = hashes.file(fd, ['sha256', 'crc32'])
    for (let at = 0; at < bytes.length; at += 400_000) {
      const piece = bytes.subarray(at, at + 400_000)
      writeSync(fd, piece, 0, piece.length, at)
      hash.advance(at + piece.length)
    }
    expect((await hash.finish(bytes.length)).sha256).toBe(sha256(bytes))
    await hash.abandon()
    closeSync(fd)
  }
  for (let round = 0; round < 3; round++) await Promise.all(['1', '2', '3', '4', '5'].map(one))
})

test('what goes wrong is said, before or after it is asked for, and the thread goes on', async () => {
  const fd = openSync(join(dir, 'short'), 'w+')
  writeSync(fd, 'short')
  const early = hashes.file(fd, ['sha256'])
  early.advance(100)
  const other = hashes.file(fd, ['sha256'])
  expect((await other.finish(5)).sha256).toBe(sha256(Buffer.from('short')))
  await expect(early.finish(100)).rejects.toThrow('shorter')
  await expect(hashes.file(fd, ['sha256']).finish(6)).rejects.toThrow('shorter')
  const abandoned = hashes.file(fd, ['sha256'])
  abandoned.advance(100)
  await abandoned.abandon()
  expect((await hashes.file(fd, ['sha256']).finish(0)).sha256).toBe(sha256(Buffer.alloc(0)))
  closeSync(fd)
})
