import { createHash } from 'node:crypto'
import type { Readable } from 'node:stream'
import { md5OfEtag } from '../checksum.ts'
import { type ObjectInfo, type PutOptions, type ResumableUpload, StoreError } from '../object-store.ts'
import { readExactly } from '../read-exactly.ts'
import { TransientError, withRetry } from '../retry.ts'
import { callStore, type S3Deps } from './deps.ts'
import { translate } from './errors.ts'
import { getObject } from './get.ts'
import { infoOf } from './info.ts'
import { type StoredParts, storedParts } from './parts.ts'
import { condition, damaged, putObject, writeContext } from './put.ts'

/** 8 MiB parts, larger ones where S3's limit of 10,000 parts asks for it; a few in flight: memory stays bounded. */
export const smallestPart = 8 * 1024 * 1024
const mostParts = 10_000

export const partSizeFor = (size: number): number => {
  const mebi = 1024 * 1024
  return Math.max(smallestPart, Math.ceil(size / mostParts / mebi) * mebi)
}

/** A part that the store has. */
export interface Part {
  PartNumber: number
  ETag: string
}

/** A multipart upload under way. */
export interface Upload {
  deps: S3Deps
  key: string
  id: string
  signal: AbortSignal
  options: PutOptions
}

/** Bytes of a part, in memory until `release`; their sha256 where it is known. */
export interface PartBytes {
  bytes: Buffer
  sha256?: string
  release?: () => void
}

/** How bytes get to the store. */
export interface Sender {
  put(key: string, bytes: Uint8Array, options: PutOptions): Promise<ObjectInfo>
  part(upload: Upload, number: number, bytes: PartBytes): Promise<Part>
  /** Parts of one upload on their way at once. */
  readonly inFlight: number
}

/** By the ordinary client, with the md5 for the store to check by. */
export const ordinaryPart = async (u: Upload, number: number, { bytes }: PartBytes): Promise<Part> => {
  const md5 = createHash('md5').update(bytes).digest()
  const { client, commands } = await u.deps.sdk()
  const command = new commands.UploadPart({
    Bucket: u.deps.bucket,
    Key: u.key,
    UploadId: u.id,
    PartNumber: number,
    Body: bytes,
    ContentLength: bytes.length,
    ContentMD5: md5.toString('base64'),
  })
  return callStore(u.deps, writeContext(u.deps, u.key, u.options), u.signal, async () => {
    const answer = await client.send(command, { abortSignal: u.signal })
    const recorded = infoOf(answer, bytes.length).checksums?.md5
    if (recorded && recorded !== md5.toString('hex')) throw damaged(u.deps, u.key)
    return { PartNumber: number, ETag: answer.ETag ?? '' }
  })
}

export const ordinarySender = (deps: S3Deps): Sender => ({
  put: (key, bytes, options) => putObject(deps, key, bytes, options),
  part: ordinaryPart,
  inFlight: 3,
})

/** The etag that S3 gives to parts put together: md5 over their md5s. Undefined where the parts' etags are no md5s. */
const compositeEtag = (parts: Part[]): string | undefined => {
  const all = createHash('md5')
  for (const { ETag } of parts) {
    const md5 = md5OfEtag(ETag.replaceAll('"', ''))
    if (md5 === undefined) return undefined
    all.update(Buffer.from(md5, 'hex'))
  }
  return `${all.digest('hex')}-${parts.length}`
}

const complete = async (u: Upload, parts: Part[], size: number): Promise<ObjectInfo> => {
  const expected = compositeEtag(parts)
  let unsure = false
  return withRetry(u.deps.retry, u.signal, async () => {
    try {
      const { client, commands } = await u.deps.sdk()
      const command = new commands.CompleteMultipartUpload({
        Bucket: u.deps.bucket,
        Key: u.key,
        UploadId: u.id,
        MultipartUpload: { Parts: parts.map(({ PartNumber, ETag }) => ({ PartNumber, ETag })) },
        ...condition(u.options),
      })
      const info = infoOf(await client.send(command, { abortSignal: u.signal }), size)
      if (expected && info.etag?.includes('-') && info.etag !== expected) throw damaged(u.deps, u.key)
      return info
    } catch (thrown) {
      const error = translate(thrown, writeContext(u.deps, u.key, u.options), u.signal)
      if (error instanceof TransientError) unsure = true
      // The answer to a completion that worked got lost: the upload is gone, and the object is what was sent.
      if (unsure && error instanceof StoreError && expected) {
        const there = await headForEtag(u)
        if (there?.etag === expected) return { ...there, size }
      }
      throw error
    }
  })
}

const headForEtag = async (u: Upload): Promise<ObjectInfo | undefined> => {
  try {
    const { info, body } = await getObject(u.deps, u.key, { range: { offset: 0, length: 1 }, signal: u.signal })
    body.destroy()
    return info
  } catch {
    return undefined
  }
}

type ReadPart = (offset: number, length: number) => Promise<PartBytes>

/** Reads part after part and sends a few at once; the first failure stops the others. */
const sendParts = async (u: Upload, size: number, read: ReadPart, sender: Sender, there: StoredParts | undefined) => {
  const partSize = partSizeFor(size)
  const parts: Part[] = []
  const failures: unknown[] = []
  const running = new Set<Promise<void>>()
  const send = async (number: number, part: PartBytes) => {
    try {
      const kept = there?.holds(number, part.bytes)
      parts[number - 1] = kept ?? (await sender.part(u, number, part))
    } catch (error) {
      failures.push(error)
    } finally {
      part.release?.()
    }
  }
  for (let offset = 0; offset < size && failures.length === 0; offset += partSize) {
    const part = await read(offset, Math.min(partSize, size - offset)).catch((error) => void failures.push(error))
    if (part === undefined) break
    const sent: Promise<void> = send(offset / partSize + 1, part).finally(() => running.delete(sent))
    running.add(sent)
    if (running.size >= sender.inFlight) await Promise.race(running)
  }
  await Promise.all(running)
  if (failures.length > 0) throw failures[0]
  return parts
}

/** An upload in parts. They are taken back whatever goes wrong, but for one that is told to stop and can be gone on with. */
export const uploadInParts = async (
  deps: S3Deps,
  key: string,
  size: number,
  read: ReadPart,
  sender: Sender,
  options: PutOptions,
  resumable?: ResumableUpload,
): Promise<ObjectInfo> => {
  const stop = new AbortController()
  const signal = options.signal ? AbortSignal.any([options.signal, stop.signal]) : stop.signal
  const there = resumable?.id === undefined ? undefined : await storedParts(deps, key, resumable.id, signal)
  const begin = async () => {
    const input = {
      Bucket: deps.bucket,
      Key: key,
      ...(options.contentType ? { ContentType: options.contentType } : {}),
    }
    const { client, commands } = await deps.sdk()
    const { UploadId } = await client.send(new commands.CreateMultipartUpload(input), { abortSignal: signal })
    if (!UploadId) throw new SyntaxError('no upload id')
    return UploadId
  }
  const id = there?.id ?? (await callStore(deps, writeContext(deps, key, options), signal, begin))
  resumable?.started(id)
  const upload = { deps, key, id, signal, options }
  try {
    return await complete(upload, await sendParts(upload, size, read, sender, there), size)
  } catch (error) {
    stop.abort()
    if (resumable === undefined || !options.signal?.aborted) await abortUpload(deps, key, id)
    throw error
  }
}

/** Anything above one part goes in several. */
export const uploadObject = async (
  deps: S3Deps,
  key: string,
  size: number,
  open: (offset: number, length: number) => Readable,
  options: PutOptions,
  sender: Sender,
): Promise<ObjectInfo> => {
  const read = async (offset: number, length: number) => readExactly(open(offset, length), length, key)
  if (size > smallestPart)
    return uploadInParts(deps, key, size, async (...range) => ({ bytes: await read(...range) }), sender, options)
  return sender.put(key, size === 0 ? new Uint8Array() : await read(0, size), options)
}

/** Takes the parts of an upload back; gives up quietly, since a sweep finds what is left. */
export const abortUpload = async (deps: S3Deps, key: string, id: string): Promise<void> => {
  const patience = { ...deps, retry: { ...deps.retry, attempts: Math.min(3, deps.retry.attempts) } }
  try {
    await callStore(patience, { doing: 'abort uploads', key }, undefined, async () => {
      const { client, commands } = await deps.sdk()
      await client.send(new commands.AbortMultipartUpload({ Bucket: deps.bucket, Key: key, UploadId: id }))
    })
  } catch (error) {
    if (!(error instanceof StoreError)) throw error
  }
}
