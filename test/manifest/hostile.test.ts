import { createHash } from 'node:crypto'
import { gzipSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { sha256Hex } from '../../src/manifest/digest.ts'
import { ManifestError } from '../../src/manifest/error.ts'
import { parseLine } from '../../src/manifest/line.ts'
import { readManifest } from '../../src/manifest/read.ts'
import { parseRoot, rootBytes } from '../../src/manifest/root.ts'
import type { Root } from '../../src/manifest/types.ts'
import { writeManifest } from '../../src/manifest/write.ts'
import { collect, memorySink } from '../helpers/memory-sink.ts'

const h = '0'.repeat(64)
const file = (p: string) => ({ p, s: 1, h })

describe('lines that are refused', () => {
  test.each([
    [`no JSON`, '{"p":"a"'],
    ['null', 'null'],
    ['no path', `{"s":1,"h":"${h}"}`],
    ['path is a number', `{"p":1,"s":1,"h":"${h}"}`],
    ['unknown key', `{"p":"a","s":1,"h":"${h}","z":1}`],
    ['__proto__', `{"p":"a","s":1,"h":"${h}","__proto__":{}}`],
    ['order of keys', `{"p":"a","h":"${h}","s":1}`],
    ['spaces', `{"p": "a","s":1,"h":"${h}"}`],
    ['escapes that need not be', `{"p":"\\u0061","s":1,"h":"${h}"}`],
    ['key twice', `{"p":"b","p":"a","s":1,"h":"${h}"}`],
    ['negative size', `{"p":"a","s":-1,"h":"${h}"}`],
    ['size as a fraction', `{"p":"a","s":1.5,"h":"${h}"}`],
    ['size beyond exact numbers', `{"p":"a","s":9007199254740993,"h":"${h}"}`],
    ['size as 1e3', `{"p":"a","s":1e3,"h":"${h}"}`],
    ['sha256 in capitals', `{"p":"a","s":1,"h":"${'A'.repeat(64)}"}`],
    ['sha256 too short', `{"p":"a","s":1,"h":"00"}`],
    ['x is 0', `{"p":"a","s":1,"h":"${h}","x":0}`],
    ['x is true', `{"p":"a","s":1,"h":"${h}","x":true}`],
    ['o is 0', `{"p":"a","s":1,"h":"${h}","o":0}`],
    ['o and u', `{"p":"a","s":1,"h":"${h}","o":1,"u":{"b":"b","k":"k","v":"1"}}`],
    ['u not pinned', `{"p":"a","s":1,"h":"${h}","u":{"b":"b","k":"k"}}`],
    ['u pinned twice', `{"p":"a","s":1,"h":"${h}","u":{"b":"b","k":"k","v":"1","e":"2"}}`],
    ['u with more', `{"p":"a","s":1,"h":"${h}","u":{"b":"b","k":"k","v":"1","z":"2"}}`],
    ['link with size', `{"p":"a","s":1,"l":"b"}`],
    ['link that leads out', `{"p":"a","l":"../b"}`],
    ['link is null', `{"p":"a","l":null}`],
    ['dots', `{"p":"../a","s":1,"h":"${h}"}`],
    ['absolute', `{"p":"/a","s":1,"h":"${h}"}`],
    ['lone surrogate', `{"p":"\\ud800","s":1,"h":"${h}"}`],
  ])('%s', (_, line) => expect(() => parseLine(line)).toThrow(ManifestError))
})

describe('entries that are not written', () => {
  test.each([
    ['not in order', [file('b'), file('a')]],
    ['twice', [file('a'), file('a')]],
    ['UTF-16 order', [file('\u{1f600}'), file('\u{ff5e}')]],
    ['file and directory', [file('a'), file('a-'), file('a/b')]],
    ['bad path', [file('a/../b')]],
  ])('%s', async (_, entries) => {
    const memory = memorySink()
    await expect(writeManifest(entries, memory.sink)).rejects.toThrow(ManifestError)
    expect(memory.roots.size).toBe(0)
  })
})

describe('manifests that are refused', () => {
  const shardOf = (lines: string[], change: Partial<Root['shards'][0]> = {}) => {
    const plain = Buffer.from(lines.map((line) => `${line}\n`).join(''))
    const paths = lines.map((line) => JSON.parse(line).p as string)
    const content = createHash('sha256').update(plain).digest('hex')
    const shard = {
      first: paths[0]!,
      last: paths.at(-1)!,
      n: lines.length,
      bytes: lines.length,
      sha256: sha256Hex(plain),
      ...change,
    }
    const root: Root = {
      layout: 1,
      encoding: 'gzip',
      shards: [shard],
      files: shard.n,
      bytes: shard.bytes,
      digest: content,
    }
    return { root, plain }
  }
  const read = (root: Root, gz: Uint8Array) => collect(readManifest(root, async () => [gz] as never))
  const line = (p: string) => JSON.stringify(file(p))

  test('the shape of these tests is right: this one reads', async () => {
    const { root, plain } = shardOf([line('a'), line('b')])
    expect(await read(root, gzipSync(plain))).toHaveLength(2)
  })

  test.each([
    ['unsorted', shardOf([line('b'), line('a')])],
    ['twice', shardOf([line('a'), line('a')])],
    ['file and directory', shardOf([line('a'), line('a/b')])],
    ['another first path', shardOf([line('a'), line('b')], { first: '0' })],
    ['another last path', shardOf([line('a'), line('b')], { last: 'c' })],
    ['another count', shardOf([line('a'), line('b')], { n: 3 })],
    ['another size', shardOf([line('a'), line('b')], { bytes: 7 })],
    ['another sha256', shardOf([line('a')], { sha256: h })],
  ])('%s', async (_, { root, plain }) => {
    await expect(read(root, gzipSync(plain))).rejects.toThrow(ManifestError)
  })

  test('a wrong content digest, no gzip, a torn gzip, no last line feed', async () => {
    const { root, plain } = shardOf([line('a')])
    await expect(read({ ...root, digest: h }, gzipSync(plain))).rejects.toThrow('content digest')
    await expect(read(root, plain)).rejects.toThrow('no valid gzip')
    await expect(read(root, gzipSync(plain).subarray(0, -9))).rejects.toThrow('no valid gzip')
    const torn = plain.subarray(0, -1)
    const shard = { ...root.shards[0]!, sha256: sha256Hex(torn) }
    await expect(read({ ...root, shards: [shard] }, gzipSync(torn))).rejects.toThrow('no end')
  })

  test('bytes that are not UTF-8', async () => {
    const { root } = shardOf([line('a')])
    const plain = Buffer.from(`{"p":"\xff","s":1,"h":"${h}"}\n`, 'latin1')
    const shard = { ...root.shards[0]!, sha256: sha256Hex(plain) }
    await expect(read({ ...root, shards: [shard] }, gzipSync(plain))).rejects.toThrow('not UTF-8')
  })

  const shard = { first: 'a', last: 'b', n: 2, bytes: 2, sha256: h }
  const root: Root = { layout: 1, encoding: 'gzip', shards: [shard], files: 2, bytes: 2, digest: h }
  test.each([
    ['a newer layout', { ...root, layout: 2 }, 'use a newer Granary'],
    ['no layout', {}, 'has no layout'],
    ['another encoding', { ...root, encoding: 'zstd' }, 'not valid'],
    ['an unknown key', { ...root, more: 1 }, 'not valid'],
    ['an unknown key of a shard', { ...root, shards: [{ ...shard, more: 1 }] }, 'not valid'],
    ['wrong totals', { ...root, files: 3 }, 'totals'],
    ['wrong bytes', { ...root, bytes: 3 }, 'totals'],
    ['shards not in order', { ...root, files: 4, bytes: 4, shards: [shard, shard] }, 'not in order'],
    ['a shard upside down', { ...root, shards: [{ ...shard, first: 'b', last: 'a' }] }, 'not in order'],
    ['too many lines', { ...root, files: 65_537, shards: [{ ...shard, n: 65_537 }] }, 'not valid'],
  ])('root: %s', (_, value, message) => {
    const bytes = Buffer.from(JSON.stringify(value))
    expect(() => parseRoot(bytes, sha256Hex(bytes))).toThrow(message)
  })

  test('a root with other bytes than its name says', () => {
    expect(() => parseRoot(rootBytes(root), h)).toThrow('other bytes')
  })
})
