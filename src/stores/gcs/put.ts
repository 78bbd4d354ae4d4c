import { createHash } from 'node:crypto'
import { type ObjectInfo, type PutOptions, StoreError } from '../object-store.ts'
import { TransientError, withRetry } from '../retry.ts'
import { type GcsDeps, queryOf, refusal, related, textOf } from './client.ts'
import { HttpError, translate } from './errors.ts'
import { fieldsOfObject, infoOfResource, isGeneration, type ObjectResource } from './info.ts'
import { bucketOf, headObject } from './sdk.ts'

/** What a failed write of an object means: what is not found can only be the bucket. */
export const writeFailure = (
  deps: GcsDeps,
  key: string,
  options: PutOptions,
  thrown: unknown,
  signal: AbortSignal | undefined,
): Error => {
  const noBucket = thrown instanceof HttpError && thrown.status === 404
  const onPrecondition = options.ifAbsent ? ('exists' as const) : ('changed' as const)
  const context = { store: deps.name, doing: 'write objects', onPrecondition, ...(noBucket ? {} : { key }) }
  return translate(thrown, context, signal)
}

/** The generation that has to be there for a write; 0: none. Fails with `changed` for an etag that no object ever had. */
const conditionOf = (deps: GcsDeps, key: string, { ifAbsent, ifMatch }: PutOptions): string | undefined => {
  if (ifMatch !== undefined && !isGeneration(ifMatch))
    throw new StoreError('changed', `${deps.name}/${key} is another object now than it was`, key)
  return ifAbsent ? '0' : ifMatch
}

/** The query of an upload: its name, and its condition. */
export const uploadQuery = (deps: GcsDeps, kind: string, key: string, options: PutOptions): string =>
  queryOf({
    uploadType: kind,
    name: key,
    ifGenerationMatch: conditionOf(deps, key, options),
    fields: fieldsOfObject,
  })

export const damaged = (deps: GcsDeps, key: string) =>
  new StoreError('corrupt', `the store recorded other bytes for ${deps.name}/${key} than it was sent`, key)

/** What is wrong with an object is taken away again: that very state and no other. */
export const takeBack = async (deps: GcsDeps, key: string, { etag = '' }: ObjectInfo): Promise<void> => {
  const file = bucketOf(deps, undefined).file(key, { generation: etag })
  // Best effort: what is thrown instead says more.
  await file.delete({ ifGenerationMatch: etag }).catch(() => {})
}

/** Whether the object there has these very bytes: then a refused condition is the echo of an earlier try of ours. */
const sameBytes = async (deps: GcsDeps, key: string, md5: Buffer, size: number, signal?: AbortSignal) => {
  const info = await headObject(deps, key, signal ? { signal } : {})
  return info?.size === size && info.checksums?.md5 === md5.toString('hex') ? info : undefined
}

/** Sends bytes in one request, with their md5 for the store to check by. */
type Write = (md5: Buffer) => Promise<ObjectResource>

/** Tries a write until it is known what became of it; checked by what the store says to have. */
const writeWhole = async (
  deps: GcsDeps,
  key: string,
  bytes: Uint8Array,
  options: PutOptions,
  write: Write,
): Promise<ObjectInfo> => {
  const { signal } = options
  const md5 = createHash('md5').update(bytes).digest()
  let unsure = false
  return withRetry(deps.retry, signal, async () => {
    try {
      const info = infoOfResource(await write(md5))
      const recorded = info.checksums?.md5
      if (info.size === bytes.length && (recorded === undefined || recorded === md5.toString('hex'))) return info
      await takeBack(deps, key, info)
      throw damaged(deps, key)
    } catch (thrown) {
      const error = writeFailure(deps, key, options, thrown, signal)
      if (error instanceof TransientError) unsure = true
      if (unsure && error instanceof StoreError && (error.failure === 'exists' || error.failure === 'changed')) {
        const ours = await sameBytes(deps, key, md5, bytes.length, signal)
        if (ours) return ours
      }
      throw error
    }
  })
}

const plain = 'application/octet-stream'

/** A small object that somebody holds in memory: records and conditions, by Google's library. */
export const putObject = (
  deps: GcsDeps,
  key: string,
  bytes: Uint8Array,
  options: PutOptions = {},
): Promise<ObjectInfo> => {
  const { contentType = plain, signal } = options
  return writeWhole(deps, key, bytes, options, async (md5) => {
    const condition = conditionOf(deps, key, options)
    const file = bucketOf(deps, signal).file(key)
    await file.save(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length), {
      resumable: false,
      // By the md5, which the server compares.
      validation: false,
      metadata: { contentType, md5Hash: md5.toString('base64') },
      ...(condition === undefined ? {} : { preconditionOpts: { ifGenerationMatch: condition } }),
    })
    return file.metadata as ObjectResource
  })
}

/** A whole file in one request of our own: the library would send it through seven streams. */
export const sendWhole = (
  deps: GcsDeps,
  key: string,
  bytes: Uint8Array,
  options: PutOptions = {},
): Promise<ObjectInfo> => {
  const { contentType = plain, signal } = options
  return writeWhole(deps, key, bytes, options, async (md5) => {
    const path = deps.uploadPath + uploadQuery(deps, 'multipart', key, options)
    const resource = JSON.stringify({ name: key, contentType, md5Hash: md5.toString('base64') })
    const { type, body } = related(resource, contentType, bytes)
    const answer = await deps.send({ method: 'POST', path, headers: { 'content-type': type }, body, signal })
    if (answer.status >= 300) throw await refusal(answer)
    return JSON.parse(await textOf(answer)) as ObjectResource
  })
}
