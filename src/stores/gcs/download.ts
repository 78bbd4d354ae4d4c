import { writeSync } from 'node:fs'
import type { FileHashes } from '../hashing/file-hashes.ts'
import type { Algorithm, Sums } from '../hashing/sums.ts'
import {
  type DownloadOptions,
  type GetOptions,
  type ObjectInfo,
  type ObjectStore,
  StoreError,
  type Target,
  type Transferred,
} from '../object-store.ts'
import { type ObjectReader, readObject } from '../reading.ts'
import { LocalError } from '../s3/lean/local-error.ts'
import { NotUnderstood } from '../s3/lean/response-head.ts'
import { untilIntact } from '../until-intact.ts'
import { locally, type Stretch } from './stretch.ts'

/** Bigger objects come in pieces of this size, several at once. */
const pieceBytes = 8 * 1024 * 1024
const piecesAtOnce = 4
/** Files up to this size are held in memory and hashed here. */
const smallBytes = 1024 * 1024

/** What downloads from a bucket work with. */
export interface Downloads {
  /** The ordinary client: asked where the answer over a connection of our own isn't plainly the right one. */
  reader: ObjectReader
  fetch(stretch: Stretch): Promise<ObjectInfo>
  head: ObjectStore['head']
  hashes: FileHashes
}

interface Job extends Downloads {
  key: string
  target: Target
  options: DownloadOptions
  arrived: (count: number) => void
}

const put = (target: Target, chunk: Uint8Array, at: number): void => {
  if ('bytes' in target) {
    target.bytes.set(chunk, at)
    return
  }
  locally(() => {
    for (let done = 0; done < chunk.length; ) done += writeSync(target.fd, chunk, done, chunk.length - done, at + done)
  })
}

const changed = ({ reader, key }: Job) =>
  new StoreError('changed', `${reader.name}/${key} is another object now than it was`, key)

/** What was recorded counts; what arrives for the first time is compared with what the store knows. */
const verify = ({ reader, key, options }: Job, known: ObjectInfo['checksums'], sums: Sums): void => {
  const expected: Sums = options.sha256 === undefined ? { ...known } : { sha256: options.sha256 }
  for (const [algorithm, sum] of Object.entries(sums)) {
    const other = expected[algorithm as Algorithm]
    if (other === undefined || other === sum) continue
    const whose = options.sha256 === undefined ? 'the checksum that the store holds' : 'what was recorded'
    throw new StoreError('corrupt', `the bytes of ${reader.name}/${key} differ from ${whose}`, key)
  }
}

/** sha256 always, since it is what Granary records; of what the store knows the crc32c, which every object has, or else the md5, which costs far more. */
const algorithmsFor = ({ options }: Job, known: ObjectInfo['checksums']): Algorithm[] => {
  const other = known?.crc32c !== undefined ? ('crc32c' as const) : ('md5' as const)
  return options.sha256 !== undefined || known?.[other] === undefined ? ['sha256'] : ['sha256', other]
}

/** By the ordinary client, whose word counts. */
const bringOrdinarily = async (job: Job, how: GetOptions, start: number, end: number): Promise<ObjectInfo> => {
  const { info, body } = await readObject(job.reader, job.key, how)
  let at = start
  try {
    if (info.size !== job.options.size) throw changed(job)
    for await (const chunk of body as AsyncIterable<Uint8Array>) {
      if (at + chunk.length > end) throw changed(job)
      put(job.target, chunk, at)
      at += chunk.length
      job.arrived(chunk.length)
    }
  } finally {
    body.destroy()
  }
  if (at !== end) throw changed(job)
  return info
}

/** Brings a stretch of the object to where it belongs: over a connection of our own, if its answer is plainly the right one. */
const bring = async (job: Job, how: GetOptions, start: number, end: number): Promise<ObjectInfo> => {
  const { key, options } = job
  const { signal, range: _, ...pin } = how
  let came = 0
  const take = (chunk: Buffer, at: number) => {
    put(job.target, chunk, at)
    came += chunk.length
    job.arrived(chunk.length)
  }
  try {
    // An empty object has no bytes to ask for.
    if (end > start) return await job.fetch({ key, size: options.size, pin, start, end, take, signal })
  } catch (error) {
    if (!(error instanceof NotUnderstood)) throw error
    if (came > 0) job.arrived(-came)
  }
  return bringOrdinarily(job, how, start, end)
}

/** An object of one piece: one request. */
const inOne = async (job: Job, bytes: Uint8Array): Promise<Transferred> => {
  const { sha256: _, onBytes: __, size, ...pin } = job.options
  const info = await bring({ ...job, target: { bytes } }, pin, 0, size)
  const sums = job.reader.summer.of(bytes, algorithmsFor(job, info.checksums))
  verify(job, info.checksums, sums)
  put(job.target, bytes, 0)
  return { info, sha256: sums.sha256! }
}

/** The state that all pieces are taken from, and what the store knows of it: asked for unless the caller knows. */
const stateOf = async (job: Job): Promise<{ info: ObjectInfo; pin: { version: string } | { ifMatch: string } }> => {
  const { size, version, ifMatch, sha256, signal } = job.options
  if (sha256 !== undefined && version !== undefined) return { info: { size, version }, pin: { version } }
  if (sha256 !== undefined && ifMatch !== undefined) return { info: { size, etag: ifMatch }, pin: { ifMatch } }
  const { key, reader } = job
  const info = await job.head(key, { ...(version === undefined ? {} : { version }), ...(signal ? { signal } : {}) })
  if (info === undefined) throw new StoreError('not-found', `${reader.name}/${key} is not there`, key)
  if (info.size !== size || info.etag === undefined || (ifMatch ?? info.etag) !== info.etag) throw changed(job)
  return { info, pin: version === undefined ? { ifMatch: info.etag } : { version } }
}

/** A big object in a file: pieces of one generation over several connections, read back and hashed by another thread as the beginning grows. */
const inPieces = async (job: Job, fd: number): Promise<Transferred> => {
  const { options, hashes } = job
  const { size } = options
  const { info, pin } = await stateOf(job)
  const stop = new AbortController()
  const signal = options.signal ? AbortSignal.any([options.signal, stop.signal]) : stop.signal
  const count = Math.ceil(size / pieceBytes)
  const there = new Set<number>()
  const hashing = hashes.file(fd, algorithmsFor(job, info.checksums))
  let [next, whole] = [0, 0]
  const worker = async () => {
    while (next < count) {
      const piece = next++
      const start = piece * pieceBytes
      const end = Math.min(size, start + pieceBytes)
      await bring(job, { ...pin, range: { offset: start, length: end - start }, signal }, start, end)
      there.add(piece)
      while (there.delete(whole)) whole++
      hashing.advance(Math.min(size, whole * pieceBytes))
    }
  }
  let failure: { error: unknown } | undefined
  const guarded = () =>
    worker().catch((error) => {
      failure ??= { error }
      stop.abort(error)
    })
  try {
    // All have ended before anybody hears of a failure: nothing is written afterwards.
    await Promise.all(Array.from({ length: Math.min(count, piecesAtOnce) }, guarded))
    if (failure) throw failure.error
    const sums = await hashing.finish(size)
    verify(job, info.checksums, sums)
    return { info, sha256: sums.sha256! }
  } finally {
    await hashing.abandon()
  }
}

const once = (job: Job): Promise<Transferred> => {
  const { target, options } = job
  if ('fd' in target && options.size > smallBytes) return inPieces(job, target.fd)
  return inOne(job, 'bytes' in target ? target.bytes : Buffer.allocUnsafe(options.size))
}

/** `ObjectStore.download`. */
export const downloadObject = async (
  downloads: Downloads,
  key: string,
  target: Target,
  options: DownloadOptions,
): Promise<Transferred> => {
  try {
    return await untilIntact(options.onBytes, (arrived) => once({ ...downloads, key, target, options, arrived }))
  } catch (error) {
    throw error instanceof LocalError ? error.cause : error
  }
}
