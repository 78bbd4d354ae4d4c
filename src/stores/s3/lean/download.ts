import { writeSync } from 'node:fs'
import type { Algorithm, Sums } from '../../hashing/sums.ts'
import { type DownloadOptions, type ObjectInfo, StoreError, type Target, type Transferred } from '../../object-store.ts'
import { untilIntact } from '../../until-intact.ts'
import { LocalError } from './local-error.ts'
import { NotUnderstood } from './response-head.ts'
import type { Lean } from './send.ts'
import { fetchStretch } from './stretch.ts'

/** Bigger objects come in pieces of this size, several at once. */
const pieceBytes = 8 * 1024 * 1024
/** Files from this size on are fetched by other threads: below it, handing them over costs more. */
const fetchedElsewhere = 1024 * 1024

const ownSums: Algorithm[] = ['sha1', 'crc32', 'crc32c', 'crc64nvme']

/**
 * sha256 always, since it is what Granary records; and what the store knows, unless it knows that, or it was recorded before. The md5 of an etag, by far the
 * slowest, only where there is no other.
 */
const algorithmsFor = (options: DownloadOptions, known: ObjectInfo['checksums']): Algorithm[] => {
  if (options.sha256 !== undefined || known?.sha256 !== undefined) return ['sha256']
  const sums = ownSums.filter((algorithm) => known?.[algorithm] !== undefined)
  if (sums.length === 0 && known?.md5 !== undefined) sums.push('md5')
  return ['sha256', ...sums]
}

const verify = (lean: Lean, key: string, options: DownloadOptions, known: ObjectInfo['checksums'], sums: Sums) => {
  const where = `${lean.s3.name}/${key}`
  if (options.sha256 !== undefined) {
    if (sums.sha256 === options.sha256) return
    throw new StoreError('corrupt', `the bytes of ${where} have another sha256 than was recorded`, key)
  }
  for (const [algorithm, sum] of Object.entries(known ?? {}))
    if (sums[algorithm as Algorithm] !== undefined && sums[algorithm as Algorithm] !== sum)
      throw new StoreError('corrupt', `the bytes of ${where} differ from the checksum that the store holds`, key)
}

const writeAll = (fd: number, bytes: Uint8Array): void => {
  try {
    for (let at = 0; at < bytes.length; ) at += writeSync(fd, bytes, at, bytes.length - at, at)
  } catch (error) {
    throw new LocalError('writing failed', { cause: error })
  }
}

/** Tells how much of a beginning is whole, while its pieces come in any order. */
const wholeBeginning = (from: number, size: number, tell: ((bytes: number) => void) | undefined) => {
  const come = new Set<number>()
  let next = from
  return (piece: number) => {
    come.add(piece)
    if (piece !== next) return
    while (come.delete(next)) next++
    tell?.(Math.min(size, next * pieceBytes))
  }
}

interface Job {
  lean: Lean
  key: string
  /** Absent: the bytes are kept nowhere. */
  target: Target | undefined
  options: DownloadOptions
  arrived: (count: number) => void
}

/** A small object: one request, hashed here out of memory, and only then written where it belongs. */
const small = async ({ lean, key, target, options, arrived }: Job): Promise<Transferred> => {
  const { size, version, ifMatch, signal } = options
  const lent = target && 'bytes' in target ? undefined : lean.buffers.take(size)
  const bytes = lent ?? (target as { bytes: Uint8Array }).bytes
  const take = (chunk: Buffer, at: number) => {
    bytes.set(chunk, at)
    arrived(chunk.length)
  }
  const info = await fetchStretch(lean, { key, size, version, ifMatch, start: 0, end: size, into: { take }, signal })
  const sums = lean.summer.of(bytes, algorithmsFor(options, info.checksums))
  verify(lean, key, options, info.checksums, sums)
  if (target && 'fd' in target) writeAll(target.fd, bytes)
  if (lent) lean.buffers.give(lent)
  return { info, sha256: sums.sha256! }
}

/** Runs `work` on the numbers below `count` in order, some at once; the first failure stops the others, and all have ended when it is thrown. */
const eachPiece = async (
  count: number,
  width: { readonly atOnce: number },
  outer: AbortSignal | undefined,
  work: (piece: number, signal: AbortSignal) => Promise<void>,
): Promise<void> => {
  const stop = new AbortController()
  const signal = outer ? AbortSignal.any([outer, stop.signal]) : stop.signal
  let next = 0
  let failure: { error: unknown } | undefined
  const running = new Set<Promise<void>>()
  const start = () => {
    const one = work(next++, signal)
      .catch((error) => {
        failure ??= { error }
        stop.abort(error)
      })
      .finally(() => running.delete(one))
    running.add(one)
  }
  while ((next < count && !failure) || running.size > 0) {
    while (next < count && !failure && running.size < width.atOnce) start()
    await Promise.race(running)
  }
  if (failure) throw failure.error
}

/** The state that all pieces are taken from, and what the store knows of it: asked for unless the caller knows. */
const stateOf = async ({
  lean,
  key,
  options,
}: Job): Promise<{ info: ObjectInfo; version?: string; ifMatch?: string }> => {
  const { size, version, ifMatch, sha256, signal } = options
  if (sha256 !== undefined && version !== undefined) return { info: { size, version }, version }
  if (sha256 !== undefined && ifMatch !== undefined) return { info: { size, etag: ifMatch }, ifMatch }
  const how = { ...(version === undefined ? {} : { version }), ...(signal ? { signal } : {}) }
  const info = await lean.head(key, how)
  const changed = (what: string) => new StoreError('changed', `${lean.s3.name}/${key} ${what}`, key)
  if (info === undefined) throw new StoreError('not-found', `${lean.s3.name}/${key} is not there`, key)
  if (info.size !== size) throw changed('has another size than it had')
  if (ifMatch !== undefined && info.etag !== ifMatch) throw changed('is another object now than it was')
  if (info.version !== undefined) return { info, version: info.version }
  // Without a name for the state, pieces might be of several.
  if (info.etag === undefined) throw new NotUnderstood('an object without an etag')
  return { info, ifMatch: info.etag }
}

/** A big object, by other threads, which sum it up as it comes: into a file in pieces over several connections, or kept nowhere, in one. */
const elsewhere = async (job: Job, fd: number | undefined): Promise<Transferred> => {
  const { lean, key, options, arrived } = job
  const { size, signal, onWhole } = options
  const { info, ...pin } = await stateOf(job)
  const file = lean.threads.file(fd, algorithmsFor(options, info.checksums))
  const whole = { key, size, ...pin, into: { file, arrived }, start: 0, end: size, signal }
  const fill = async () => {
    const had = Math.floor(Math.min(options.have ?? 0, size) / pieceBytes)
    const come = wholeBeginning(had, size, onWhole)
    onWhole?.(had * pieceBytes)
    if (had > 0) file.has(had * pieceBytes)
    arrived(had * pieceBytes)
    await eachPiece(Math.ceil(size / pieceBytes) - had, lean.threads.pieces, signal, async (more, stop) => {
      const start = (had + more) * pieceBytes
      await fetchStretch(lean, { ...whole, start, end: Math.min(size, start + pieceBytes), signal: stop })
      come(had + more)
    })
  }
  try {
    await (fd === undefined ? fetchStretch(lean, whole) : fill())
    const sums = await file.finish(size)
    verify(lean, key, options, info.checksums, sums)
    return { info, sha256: sums.sha256! }
  } finally {
    await file.abandon()
  }
}

const once = (job: Job): Promise<Transferred> => {
  const { target, options } = job
  if (options.size < fetchedElsewhere || (target && 'bytes' in target)) return small(job)
  return elsewhere(job, target?.fd)
}

const intact = async (job: Omit<Job, 'arrived'>): Promise<Transferred> => {
  try {
    let { have = 0 } = job.options
    return await untilIntact(job.options.onBytes, (arrived) => {
      const options = { ...job.options, have }
      // If it comes out damaged, what was there may be what is wrong.
      have = 0
      return once({ ...job, options, arrived })
    })
  } catch (error) {
    throw error instanceof LocalError ? error.cause : error
  }
}

/** `download` over connections of our own. Fails with NotUnderstood where the ordinary client has to do it: then nothing counts as arrived. */
export const leanDownload = (lean: Lean, key: string, target: Target, options: DownloadOptions): Promise<Transferred> =>
  intact({ lean, key, target, options })

/** `sum`, as `leanDownload`. */
export const leanSum = (lean: Lean, key: string, options: DownloadOptions): Promise<Transferred> =>
  intact({ lean, key, target: undefined, options })
