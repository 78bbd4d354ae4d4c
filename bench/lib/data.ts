import { createHash } from 'node:crypto'
import { closeSync, existsSync, mkdirSync, openSync, renameSync, rmSync, writeFileSync, writeSync } from 'node:fs'
import { dirname, join } from 'node:path'

/** A file of a data set: its path and size. */
export interface Planned {
  path: string
  size: number
}

const KiB = 1024
const MiB = 1024 * KiB

const flat = (count: number, size: number): Planned[] =>
  Array.from({ length: count }, (_, i) => ({
    path: `part-${String(Math.floor(i / 1000)).padStart(4, '0')}/file-${String(i).padStart(7, '0')}.bin`,
    size,
  }))

const number = (seed: string): number => createHash('sha256').update(seed).digest().readUInt32BE(0) / 2 ** 32

/** Few files in each of many directories, with names about as long as they may be. */
const directories = (count: number): Planned[] =>
  Array.from({ length: count }, (_, i) => {
    const hex = createHash('sha256').update(String(i)).digest('hex')
    const long = `${hex}${hex}${hex}`.slice(0, 180)
    return { path: `${hex.slice(0, 2)}/${hex.slice(2, 4)}/${long}/${i % 2}/sample-${hex}.npy`, size: 4 * KiB }
  })

/** As image data sets are: classes of a thousand pictures around 110 KiB, an annotation for each tenth, an index, and some archives. */
const images = (count: number): Planned[] => {
  const pictures = Array.from({ length: count }, (_, i): Planned => {
    // A log-normal size by two even numbers (Box and Muller).
    const [u, v] = [number(`u${i}`), number(`v${i}`)]
    const normal = Math.sqrt(-2 * Math.log(u || 1e-9)) * Math.cos(2 * Math.PI * v)
    const size = Math.round(Math.min(4 * MiB, Math.max(2 * KiB, 85 * KiB * Math.exp(0.7 * normal))))
    const name = `n${String(1440764 + Math.floor(i / 1000)).padStart(8, '0')}`
    return { path: `train/${name}/${name}_${i}.JPEG`, size }
  })
  const annotations = pictures
    .filter((_, i) => i % 10 === 0)
    .map(({ path }, i) => ({ path: `annotations/${path.slice(6).replace('.JPEG', '.xml')}`, size: 400 + (i % 300) }))
  const index = { path: 'index/train.csv', size: count * 48 }
  const archives = Array.from({ length: 2 }, (_, i) => ({ path: `shards/val-${i}.tar`, size: count * 6 * KiB }))
  return [...pictures, ...annotations, index, ...archives]
}

/** How much data: so much that all cases are through in half an hour, all that the targets speak of, or just enough to see that everything works. */
export type Amount = 'usual' | 'full' | 'quick'

const amounts = {
  full: { small: 20_000, tiny: 100_000, big: 512, huge: 4096, directories: 20_000, images: 10_000 },
  usual: { small: 8000, tiny: 20_000, big: 256, huge: 1024, directories: 5000, images: 2000 },
  quick: { small: 1000, tiny: 5000, big: 26, huge: 205, directories: 1000, images: 500 },
}

/** The data sets by name. */
export const dataSets = (amount: Amount): Record<string, () => Planned[]> => {
  const { small, tiny, big, huge, ...more } = amounts[amount]
  return {
    small: () => flat(small, 8 * KiB),
    tiny: () => flat(tiny, KiB),
    big: () => flat(4, big * MiB),
    huge: () => flat(1, huge * MiB),
    directories: () => directories(more.directories),
    images: () => images(more.images),
  }
}

const chunkBytes = 4 * MiB
// Bytes that don't repeat within a chunk and differ from chunk to chunk; random ones would take longer than the copies.
const base = Buffer.concat(
  Array.from({ length: chunkBytes / 32 }, (_, i) => createHash('sha256').update(`chunk${i}`).digest()),
)

/** Writes one file: the same bytes for the same path, size and seed. */
export const writePlanned = (root: string, { path, size }: Planned, seed = ''): void => {
  const full = join(root, path)
  mkdirSync(dirname(full), { recursive: true })
  const key = createHash('sha256').update(`${path}${seed}`).digest()
  if (size <= 64 * KiB) {
    const at = key.readUInt32BE(0) % (chunkBytes - 64 * KiB)
    const bytes = Buffer.from(base.subarray(at, at + size))
    key.copy(bytes)
    writeFileSync(full, bytes)
    return
  }
  const file = openSync(full, 'w')
  try {
    for (let at = 0; at < size; at += chunkBytes) {
      key.copy(base)
      base.writeBigUInt64BE(BigInt(at), 32)
      writeSync(file, base, 0, Math.min(chunkBytes, size - at))
    }
  } finally {
    closeSync(file)
  }
}

/** Makes a data set below a directory, unless it is there already. */
export const makeDataSet = (root: string, files: readonly Planned[]): void => {
  if (existsSync(root)) return
  const unfinished = `${root}.new`
  rmSync(unfinished, { recursive: true, force: true })
  mkdirSync(unfinished, { recursive: true })
  for (const file of files) writePlanned(unfinished, file)
  renameSync(unfinished, root)
}
