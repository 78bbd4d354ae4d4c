/** Takes the sum so far and more bytes, and gives the next sum. The sum of nothing is 0. */
export type Crc = (bytes: Uint8Array, before: bigint) => bigint

const tables = 8
/** A table has an entry for each value of a byte. */
const tableBytes = 256 * 8
/** Sums are taken of this many stretches side by side: one alone waits for each of its look-ups. */
const lanes = 4
/** How long a stretch is: of much that is to be summed up, of little, and a single step. */
const strides = [65_536, 2048, 8]
/** Where bytes are put in the module's memory: behind the tables of each stride. */
const dataAt = 65_536
const dataBytes = lanes * strides[0]!

/** What zeros behind it make of a sum, bit by bit: two words (the lower first) for each bit of the sum. */
type Step = Uint32Array

const singleBit = (polynomial: bigint): Step => {
  const step = new Uint32Array(128)
  step[0] = Number(polynomial & 0xffffffffn)
  step[1] = Number(polynomial >> 32n)
  for (let bit = 1; bit < 64; bit++) step[2 * bit + ((bit - 1) >> 5)] = 2 ** ((bit - 1) & 31)
  return step
}

/** Twice as far. */
const twice = (step: Step): Step => {
  const next = new Uint32Array(128)
  for (let bit = 0; bit < 64; bit++)
    for (let inner = 0; inner < 64; inner++)
      if ((step[2 * bit + (inner >> 5)]! >>> (inner & 31)) & 1) {
        next[2 * bit]! ^= step[2 * inner]!
        next[2 * bit + 1]! ^= step[2 * inner + 1]!
      }
  return next
}

/** Table k holds what the byte of a sum does that stands k before its highest. */
const tablesOf = (step: Step): Uint32Array => {
  const all = new Uint32Array(tables * 512)
  for (let k = 0; k < tables; k++)
    for (let value = 1; value < 256; value++) {
      const highest = 31 - Math.clz32(value)
      const [to, from] = [k * 512 + 2 * value, k * 512 + 2 * (value - (1 << highest))]
      const bit = 8 * (tables - 1 - k) + highest
      all[to] = all[from]! ^ step[2 * bit]!
      all[to + 1] = all[from + 1]! ^ step[2 * bit + 1]!
    }
  return all
}

/** The tables of each stride, the longest first. */
const makeTables = (polynomial: bigint): Uint32Array[] => {
  const made: Uint32Array[] = []
  let step = singleBit(polynomial)
  for (let bits = 1; made.length < strides.length; bits *= 2, step = twice(step))
    if (strides.includes(bits / 8)) made.unshift(tablesOf(step))
  return made
}

const tablesAt = (stride: number): number => strides.indexOf(stride) * tables * tableBytes

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

/** Leaves on the stack what a stride of zeros makes of a sum. `half`: a local for half of it, the next one is for the other. */
const stepped = (sum: number, half: number, stride: number): number[] => {
  const lookup = (byte: number): number[] => [
    ...op.get(byte < 4 ? half : half + 1),
    ...(byte % 4 === 0 ? [...op.int(3), ...op.shl] : [...op.int(8 * (byte % 4) - 3), ...op.shr]),
    ...[...op.int(2040), ...op.and, ...op.load64(tablesAt(stride) + (tables - 1 - byte) * tableBytes)],
  ]
  return [
    ...[...op.get(sum), ...op.wrap, ...op.set(half)],
    ...[...op.get(sum), ...op.long(32), ...op.shr64, ...op.wrap, ...op.set(half + 1)],
    ...[0, 1, 2, 3, 4, 5, 6, 7].flatMap((byte) => (byte === 0 ? lookup(byte) : [...lookup(byte), ...op.xor64])),
  ]
}

/** Takes in the eight bytes that stand `offset` behind where a local points. */
const takeEight = (sum: number, at: number, offset: number, half: number): number[] => [
  ...[...op.get(sum), ...op.get(at), ...op.load64(offset), ...op.xor64, ...op.set(sum)],
  ...[...stepped(sum, half, 8), ...op.set(sum)],
]

const forward = (at: number, bytes: number): number[] => [...op.get(at), ...op.int(bytes), ...op.add, ...op.set(at)]

const unless = (stop: number[], step: number[]): number[] => [
  ...[...op.block, ...op.loop, ...stop, ...op.branchIf(1), ...step, ...op.branch(0), ...op.end, ...op.end],
]

/** Any number of bytes. Locals: 0 the sum (i64), 1 where to read (i32), 2 the end (i32), 3 and 4 halves (i32). */
const any = (): number[] => {
  const one = [
    ...[...op.get(0), ...op.get(1), ...op.load8, ...op.xor64, ...op.wrap, ...op.int(255), ...op.and],
    ...[...op.int(3), ...op.shl, ...op.load64(tablesAt(8)), ...op.get(0), ...op.long(8), ...op.shr64, ...op.xor64],
    ...[...op.set(0), ...forward(1, 1)],
  ]
  const noEight = [...op.get(1), ...op.int(8), ...op.add, ...op.get(2), ...op.gtU]
  const none = [...op.get(1), ...op.get(2), ...op.geU]
  const eight = [...takeEight(0, 1, 0, 3), ...forward(1, 8)]
  return [...unless(noEight, eight), ...unless(none, one), ...op.get(0), ...op.end]
}

/** As many bytes as `lanes` strides. Locals: 0 the sum (i64), 1 where to read, 2 the end of its stretch (i32), from 3 on halves (i32), then the other sums (i64). */
const sideBySide = (stride: number): number[] => {
  const [half, others] = [3, 3 + 2 * lanes]
  const sumOf = (lane: number) => (lane === 0 ? 0 : others + lane - 1)
  const each = Array.from({ length: lanes }, (_, lane) => lane)
  const through = [...op.get(1), ...op.get(2), ...op.geU]
  const step = [...each.flatMap((lane) => takeEight(sumOf(lane), 1, lane * stride, half + 2 * lane)), ...forward(1, 8)]
  // What a lane came to is taken over all that stands behind it.
  const joined = each
    .slice(1)
    .flatMap((lane) => [...stepped(0, half, stride), ...op.get(sumOf(lane)), ...op.xor64, ...op.set(0)])
  return [...unless(through, step), ...joined, ...op.get(0), ...op.end]
}

const [i32, i64] = [0x7f, 0x7e]

/** A WebAssembly module with a memory and three functions; written out here since 64-bit tables are slow in JavaScript. */
const moduleBytes = (): Uint8Array<ArrayBuffer> => {
  const list = (items: number[][]) => [...unsigned(items.length), ...items.flat()]
  const section = (id: number, content: number[]) => [id, ...unsigned(content.length), ...content]
  const name = (text: string) => [text.length, ...Buffer.from(text)]
  const sized = (code: number[]) => [...unsigned(code.length), ...code]
  const parallel = [
    [2 * lanes, i32],
    [lanes - 1, i64],
  ]
  return new Uint8Array([
    ...[0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00],
    ...section(1, list([[0x60, 3, i64, i32, i32, 1, i64]])),
    ...section(3, list([[0], [0], [0]])),
    ...section(5, list([[0, (dataAt + dataBytes) / 65_536]])),
    ...section(
      7,
      list([
        [...name('much'), 0, 0],
        [...name('some'), 0, 1],
        [...name('any'), 0, 2],
        [...name('memory'), 2, 0],
      ]),
    ),
    ...section(
      10,
      list([
        sized([...list(parallel), ...sideBySide(strides[0]!)]),
        sized([...list(parallel), ...sideBySide(strides[1]!)]),
        sized([...list([[2, i32]]), ...any()]),
      ]),
    ),
  ])
}

/** Sums up what lies in the memory from `from` to `to`: the whole of it (`any`), or that and as much in each of the stretches behind it. */
type Summing = (before: bigint, from: number, to: number) => bigint

/** What is used of WebAssembly: a part of the platform that Node's types leave out. */
interface Engine {
  Module: new (bytes: Uint8Array) => object
  Instance: new (
    module: object,
  ) => { exports: { memory: { buffer: ArrayBuffer }; much: Summing; some: Summing; any: Summing } }
}

/** A reflected CRC of 32 or 64 bits, all ones before and after. */
const makeCrc = (polynomial: bigint, ones: bigint): Crc => {
  const { Module, Instance } = (globalThis as unknown as { WebAssembly: Engine }).WebAssembly
  const { memory, much, some, any } = new Instance(new Module(moduleBytes())).exports
  makeTables(polynomial).forEach((all, i) => {
    new Uint32Array(memory.buffer, i * tables * tableBytes).set(all)
  })
  const space = new Uint8Array(memory.buffer, dataAt)
  const [long, short] = strides as [number, number]
  const sum = (before: bigint, length: number): bigint => {
    if (length === dataBytes) return much(before, dataAt, dataAt + long)
    let [now, at] = [before, dataAt]
    const end = dataAt + length
    for (; at + lanes * short <= end; at += lanes * short) now = some(now, at, at + short)
    return any(now, at, end)
  }
  return (bytes, before) => {
    let now = before ^ ones
    for (let at = 0; at < bytes.length; at += dataBytes) {
      const piece = bytes.subarray(at, at + dataBytes)
      space.set(piece)
      now = sum(now, piece.length)
    }
    return BigInt.asUintN(64, now) ^ ones
  }
}

/** CRC-32C (Castagnoli). */
export const makeCrc32c = (): Crc => makeCrc(0x82f63b78n, 0xffffffffn)
/** CRC-64/NVME. */
export const makeCrc64nvme = (): Crc => makeCrc(0x9a6c9329ac4bc9b5n, 0xffffffffffffffffn)
