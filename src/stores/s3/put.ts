import { createHash } from 'node:crypto'
import type { CallContext } from '../failures.ts'
import { type ObjectInfo, type PutOptions, StoreError } from '../object-store.ts'
import { TransientError, withRetry } from '../retry.ts'
import { abortable, type S3Deps } from './deps.ts'
import { translate } from './errors.ts'
import { getObject } from './get.ts'
import { infoOf } from './info.ts'

export const condition = (options: PutOptions) => ({
  ...(options.ifAbsent ? { IfNoneMatch: '*' } : {}),
  ...(options.ifMatch !== undefined ? { IfMatch: `"${options.ifMatch}"` } : {}),
})

export const writeContext = (deps: S3Deps, key: string, options: PutOptions): CallContext => ({
  store: deps.name,
  doing: 'write objects',
  key,
  onPrecondition: options.ifAbsent ? 'exists' : 'changed',
})

export const damaged = (deps: S3Deps, key: string) =>
  new StoreError('corrupt', `the store recorded other bytes for ${deps.name}/${key} than it was sent`, key)

/** The object there, and whether it has these very bytes. */
const look = async (deps: S3Deps, key: string, bytes: Uint8Array, signal?: AbortSignal) => {
  try {
    const { info, body } = await getObject(deps, key, signal ? { signal } : {})
    const there = info.size === bytes.length ? Buffer.concat(await body.toArray()) : undefined
    body.destroy()
    return { info, same: there?.equals(bytes) ?? false }
  } catch (error) {
    if (error instanceof StoreError && error.failure === 'not-found') return undefined
    throw error
  }
}

/**
 * What became of a put with a condition when the answer to an earlier try is not known: the object that it made, a refusal, or undefined: to be sent. Asked
 * before the bytes are sent again: a server that refuses them early and hangs up may not be heard.
 */
const outcome = async (
  deps: S3Deps,
  key: string,
  bytes: Uint8Array,
  { ifAbsent, ifMatch, signal }: PutOptions,
): Promise<ObjectInfo | undefined> => {
  if (!ifAbsent && ifMatch === undefined) return undefined
  const there = await look(deps, key, bytes, signal)
  if (there?.same) return there.info
  if (ifAbsent && there) throw new StoreError('exists', `${deps.name}/${key} is there already`, key)
  if (ifMatch !== undefined && there?.info.etag !== ifMatch)
    throw new StoreError('changed', `${deps.name}/${key} is another object now than it was`, key)
  return undefined
}

/**
 * One PUT, with the md5 for the store to check by, and checked by the etag where that is an md5. `before`: the same was tried already, and nobody knows
 * with what outcome.
 */
export const putObject = async (
  deps: S3Deps,
  key: string,
  bytes: Uint8Array,
  options: PutOptions = {},
  before = false,
): Promise<ObjectInfo> => {
  const md5 = createHash('md5').update(bytes).digest()
  const { signal } = options
  let unsure = before
  return withRetry(deps.retry, signal, async () => {
    try {
      const made = unsure ? await outcome(deps, key, bytes, options) : undefined
      if (made) return made
      const { client, commands } = await deps.sdk()
      const command = new commands.PutObject({
        Bucket: deps.bucket,
        Key: key,
        Body: bytes,
        ContentLength: bytes.length,
        ContentMD5: md5.toString('base64'),
        ...(options.contentType ? { ContentType: options.contentType } : {}),
        ...condition(options),
      })
      const info = infoOf(await client.send(command, abortable(signal)), bytes.length)
      if (info.checksums?.md5 && info.checksums.md5 !== md5.toString('hex')) throw damaged(deps, key)
      return info
    } catch (thrown) {
      const error = translate(thrown, writeContext(deps, key, options), signal)
      if (error instanceof TransientError) unsure = true
      throw error
    }
  })
}
