import { createHash, randomUUID } from 'node:crypto'
import { type ObjectInfo, type PutOptions, StoreError } from '../object-store.ts'
import { TransientError, withRetry } from '../retry.ts'
import { type GcsDeps, queryOf, refusal, textOf } from './client.ts'
import { HttpError, translate } from './errors.ts'
import { getObject, objectPath } from './get.ts'
import { fieldsOfObject, infoOfResource, isGeneration, type ObjectResource } from './info.ts'

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

/** The query of an upload: its name, and its condition. Fails with `changed` for an etag that no object ever had. */
export const uploadQuery = (deps: GcsDeps, kind: string, key: string, options: PutOptions): string => {
  const { ifAbsent, ifMatch } = options
  if (ifMatch !== undefined && !isGeneration(ifMatch))
    throw new StoreError('changed', `${deps.name}/${key} is another object now than it was`, key)
  const condition = ifAbsent ? '0' : ifMatch
  return queryOf({ uploadType: kind, name: key, ifGenerationMatch: condition, fields: fieldsOfObject })
}

export const damaged = (deps: GcsDeps, key: string) =>
  new StoreError('corrupt', `the store recorded other bytes for ${deps.name}/${key} than it was sent`, key)

/** What is wrong with an object is taken away again: that very state and no other. */
export const takeBack = async (deps: GcsDeps, key: string, info: ObjectInfo): Promise<void> => {
  const query = queryOf({ generation: info.etag, ifGenerationMatch: info.etag })
  const answer = await deps.send({ method: 'DELETE', path: objectPath(deps, key) + query })
  answer.body.resume()
}

/** Whether the object there has these very bytes: then a refused condition is the echo of an earlier try of ours. */
const sameBytes = async (deps: GcsDeps, key: string, md5: Buffer, size: number, signal?: AbortSignal) => {
  try {
    const { info, body } = await getObject(deps, key, signal ? { signal } : {})
    body.destroy()
    return info.size === size && info.checksums?.md5 === md5.toString('hex') ? info : undefined
  } catch (error) {
    if (error instanceof StoreError && error.failure === 'not-found') return undefined
    throw error
  }
}

/** What is known of an object and its bytes, as one body of two parts. */
const related = (bytes: Uint8Array, resource: Record<string, string>): { type: string; body: Buffer } => {
  const boundary = `granary-${randomUUID()}`
  const kind = resource.contentType ?? 'application/octet-stream'
  const head = `--${boundary}\r\ncontent-type: application/json; charset=utf-8\r\n\r\n${JSON.stringify(resource)}\r\n--${boundary}\r\ncontent-type: ${kind}\r\n\r\n`
  const body = Buffer.concat([Buffer.from(head), bytes, Buffer.from(`\r\n--${boundary}--`)])
  return { type: `multipart/related; boundary=${boundary}`, body }
}

/** One request, with the md5 for the store to check by, and checked by what it says to have. */
export const putObject = async (
  deps: GcsDeps,
  key: string,
  bytes: Uint8Array,
  options: PutOptions = {},
): Promise<ObjectInfo> => {
  const { signal, contentType = 'application/octet-stream' } = options
  const md5 = createHash('md5').update(bytes).digest()
  const { type, body } = related(bytes, { name: key, contentType, md5Hash: md5.toString('base64') })
  const path = deps.uploadPath + uploadQuery(deps, 'multipart', key, options)
  let unsure = false
  return withRetry(deps.retry, signal, async () => {
    try {
      const answer = await deps.send({ method: 'POST', path, headers: { 'content-type': type }, body, signal })
      if (answer.status >= 300) throw await refusal(answer)
      const info = infoOfResource(JSON.parse(await textOf(answer)) as ObjectResource)
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
