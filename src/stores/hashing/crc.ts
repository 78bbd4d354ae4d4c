/** Takes the sum so far and more bytes, and gives the next sum. The sum of nothing is 0. */
export type Crc = (bytes: Uint8Array, before: bigint) => bigint

/** Where bytes are put in the module's memory: behind the tables. */
const dataAt = 65_536
const dataBytes = 4 * 65_536
const tables = 8

/** Table k holds what a byte does to the sum when k more bytes follow it (slicing by eight). */
const makeTables = (polynomial: bigint): BigUint64Array => {
  const all = new BigUint64Array(tables * 256)
  for (let byte = 0; byte < 256; byte++) {
    let sum = BigInt(byte)
    for (let bit = 0; bit < 8; bit++) sum = sum & 1n ? (sum >> 1n) ^ polynomial : sum >> 1n
    all[byte] = sum
  }
  for (let k = 1; k < tables; k++)
    for (let byte = 0; byte < 256; byte++) {
      const before = all[(k - 1) * 256 + byte]!
      all[k * 256 + byte] = (before >> 8n) ^ all[Number(before & 0xffn)]!
    }
  return all
}

const unsigned = (value: number): number[] =>
  value < 128 ? [value] : [(value & 127) | 128, ...unsigned(Math.floor(value / 128))]
/** For i32.const of what isn't negative. */
const signed = (value: number): number[] =>
  value < 64 ? [value] : [(value & 127) | 128, ...signed(Math.floor(value / 128))]

const op = {
  ...{ block: [0x02, 0x40], loop: [0x03, 0x40], end: [0x0b], branch: (depth: number) => [0x0c, depth] },
  branchIf: (depth: number) => [0x0d, depth],
  get: (local: number) => [0x20, local],
  set: (local: number) => [0x21, local],
  tee: (local: number) => [0x22, local],
  int: (value: number) => [0x41, ...signed(value)],
  load64: (offset: number) => [0x29, 0, ...unsigned(offset)],
  ...{ load8: [0x31, 0, 0], long: (value: number) => [0x42, ...signed(value)] },
  ...{ add: [0x6a], and: [0x71], shl: [0x74], shr: [0x76], gtU: [0x4b], geU: [0x4f] },
  ...{ xor64: [0x85], shr64: [0x88], wrap: [0xa7] },
}

/** Locals: 0 the sum (i64), 1 where to read (i32), 2 the end (i32), 3 and 4 the halves of eight bytes (i32). */
const body = (): number[] => {
  /** The entry of table k for byte `index` of a half. */
  const lookup = (half: number, index: number, k: number): number[] => [
    ...op.get(half),
    ...(index === 0 ? [...op.int(3), ...op.shl] : [...op.int(8 * index - 3), ...op.shr]),
    ...[...op.int(2040), ...op.and, ...op.load64(k * 2048)],
  ]
  const entries = [0, 1, 2, 3, 4, 5, 6, 7].map((i) => lookup(i < 4 ? 3 : 4, i % 4, 7 - i))
  const eight = [
    ...[...op.get(0), ...op.get(1), ...op.load64(0), ...op.xor64, ...op.tee(0), ...op.wrap, ...op.set(3)],
    ...[...op.get(0), ...op.long(32), ...op.shr64, ...op.wrap, ...op.set(4)],
    ...entries.flatMap((entry, i) => (i === 0 ? entry : [...entry, ...op.xor64])),
    ...[...op.set(0), ...op.get(1), ...op.int(8), ...op.add, ...op.set(1)],
  ]
  const one = [
    ...[...op.get(0), ...op.get(1), ...op.load8, ...op.xor64, ...op.wrap, ...op.set(3)],
    ...[...lookup(3, 0, 0), ...op.get(0), ...op.long(8), ...op.shr64, ...op.xor64, ...op.set(0)],
    ...[...op.get(1), ...op.int(1), ...op.add, ...op.set(1)],
  ]
  const while_ = (stop: number[], step: number[]) => [
    ...[...op.block, ...op.loop, ...stop, ...op.branchIf(1), ...step, ...op.branch(0), ...op.end, ...op.end],
  ]
  const noEight = [...op.get(1), ...op.int(8), ...op.add, ...op.get(2), ...op.gtU]
  const none = [...op.get(1), ...op.get(2), ...op.geU]
  return [...while_(noEight, eight), ...while_(none, one), ...op.get(0), ...op.end]
}

/** A WebAssembly module with one function and one memory; written out here since 64-bit tables are slow in JavaScript. */
const moduleBytes = (): Uint8Array<ArrayBuffer> => {
  const [i32, i64] = [0x7f, 0x7e]
  const list = (items: number[][]) => [...unsigned(items.length), ...items.flat()]
  const section = (id: number, content: number[]) => [id, ...unsigned(content.length), ...content]
  const name = (text: string) => [text.length, ...Buffer.from(text)]
  const code = [...list([[2, i32]]), ...body()]
  return new Uint8Array([
    ...[0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00],
    ...section(1, list([[0x60, 3, i64, i32, i32, 1, i64]])),
    ...section(3, list([[0]])),
    ...section(5, list([[0, (dataAt + dataBytes) / 65_536]])),
    ...section(
      7,
      list([
        [...name('sum'), 0, 0],
        [...name('memory'), 2, 0],
      ]),
    ),
    ...section(10, list([[...unsigned(code.length), ...code]])),
  ])
}

/** What is used of WebAssembly: a part of the platform that Node's types leave out. */
interface Engine {
  Module: new (bytes: Uint8Array) => object
  Instance: new (
    module: object,
  ) => { exports: { memory: { buffer: ArrayBuffer }; sum: (before: bigint, from: number, to: number) => bigint } }
}

/** A reflected CRC of 32 or 64 bits, all ones before and after. */
const makeCrc = (polynomial: bigint, ones: bigint): Crc => {
  const { Module, Instance } = (globalThis as unknown as { WebAssembly: Engine }).WebAssembly
  const { memory, sum } = new Instance(new Module(moduleBytes())).exports
  new BigUint64Array(memory.buffer).set(makeTables(polynomial))
  const space = new Uint8Array(memory.buffer, dataAt)
  return (bytes, before) => {
    let now = before ^ ones
    for (let at = 0; at < bytes.length; at += dataBytes) {
      const piece = bytes.subarray(at, at + dataBytes)
      space.set(piece)
      now = sum(now, dataAt, dataAt + piece.length)
    }
    return BigInt.asUintN(64, now) ^ ones
  }
}

/** CRC-32C (Castagnoli). */
export const makeCrc32c = (): Crc => makeCrc(0x82f63b78n, 0xffffffffn)
/** CRC-64/NVME. */
export const makeCrc64nvme = (): Crc => makeCrc(0x9a6c9329ac4bc9b5n, 0xffffffffffffffffn)
