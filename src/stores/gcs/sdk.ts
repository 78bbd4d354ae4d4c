import type { Readable } from 'node:stream'
import { type Bucket, Storage } from '@google-cloud/storage'
import type { CallContext } from '../failures.ts'
import { type ObjectInfo, StoreError } from '../object-store.ts'
import { withRetry } from '../retry.ts'
import { type Answer, type Call, type GcsDeps, queryOf, refusal, related, textOf } from './client.ts'
import { translate } from './errors.ts'
import { fieldsOfObject, infoOfResource, type ObjectResource } from './info.ts'

type Transport = Storage['makeAuthenticatedRequest']
type SdkRequest = Parameters<Transport>[0] & { signal?: AbortSignal }
type Done = (error: unknown, body?: unknown) => void

const collect = async (from: Readable): Promise<Buffer> => {
  const parts: Buffer[] = []
  for await (const part of from as AsyncIterable<Buffer>) parts.push(part)
  return Buffer.concat(parts)
}

/** The body of a request as the library has it: none, JSON, or what is known of an object and its bytes. */
const bodyOf = async ({ json, multipart }: SdkRequest): Promise<{ type?: string; body?: Uint8Array | string }> => {
  if (Array.isArray(multipart)) {
    const [resource, content] = multipart as unknown as [{ body: string }, { body: Readable; 'Content-Type': string }]
    return related(resource.body, content['Content-Type'], await collect(content.body))
  }
  return json === undefined ? {} : { type: 'application/json; charset=utf-8', body: JSON.stringify(json) }
}

/** Of two spellings of one name, HTTP/2 would send both. */
const lowerCase = (headers: Record<string, string>): Record<string, string> =>
  Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]))

const exchange = async (
  send: (call: Call) => Promise<Answer>,
  endpoint: string,
  request: SdkRequest,
): Promise<unknown> => {
  const { uri, qs, method = 'GET', signal } = request
  const { type, body } = await bodyOf(request)
  const answer = await send({
    method: method as Call['method'],
    path: uri.slice(endpoint.length) + queryOf(qs as Record<string, string | undefined>),
    headers: { ...lowerCase(request.headers as Record<string, string>), ...(type ? { 'content-type': type } : {}) },
    ...(body === undefined ? {} : { body }),
    signal,
  })
  if (answer.status >= 300) throw await refusal(answer)
  const text = await textOf(answer)
  return text === '' ? {} : JSON.parse(text)
}

/**
 * Google's client library for all that is not bytes: it makes the requests and reads their answers. They go over the connections of this store and with
 * its identity, since the library's own transport has one pool for the whole process with the certificates of whoever came first (`agents.js` of
 * teeny-request), can't be stopped, and hides the times after which a server wants to be asked again.
 */
export const openSdk = (endpoint: string, send: (call: Call) => Promise<Answer>): Storage => {
  const storage = new Storage({ apiEndpoint: endpoint, projectId: 'any', retryOptions: { autoRetry: false } })
  // Where it goes is decided here; the library would let STORAGE_EMULATOR_HOST decide for a part of the requests.
  storage.baseUrl = `${storage.apiEndpoint}/storage/v1`
  const transport = (request: SdkRequest, done: Done): void => {
    exchange(send, storage.apiEndpoint, request).then(
      (body) => done(null, body),
      (error) => done(error),
    )
  }
  const { getCredentials, authClient } = storage.makeAuthenticatedRequest
  storage.makeAuthenticatedRequest = Object.assign(transport as unknown as Transport, { getCredentials, authClient })
  return storage
}

/** A call by the library, with retries; what it throws is a StoreError, or the reason of the signal, at which its requests are stopped. */
export const callSdk = <T>(
  deps: GcsDeps,
  context: Omit<CallContext, 'store'>,
  signal: AbortSignal | undefined,
  work: (bucket: Bucket) => Promise<T>,
): Promise<T> =>
  withRetry(deps.retry, signal, async () => {
    try {
      return await work(bucketOf(deps, signal))
    } catch (error) {
      throw translate(error, { store: deps.name, ...context }, signal)
    }
  })

/** The bucket as the library sees it. */
export const bucketOf = (deps: GcsDeps, signal: AbortSignal | undefined): Bucket => {
  const bucket = deps.storage.bucket(deps.bucket)
  if (signal) {
    // What comes in is what goes out: the types of the library don't see it.
    const stoppable = (options: object) => Object.assign(options, { signal }) as SdkRequest
    bucket.interceptors.push({ request: stoppable })
  }
  return bucket
}

/** `ObjectStore.head`. */
export const headObject = async (
  deps: GcsDeps,
  key: string,
  { version, signal }: { version?: string; signal?: AbortSignal } = {},
): Promise<ObjectInfo | undefined> => {
  try {
    return await callSdk(deps, { doing: 'read objects', key }, signal, async (bucket) => {
      const file = bucket.file(key, version === undefined ? {} : { generation: version })
      // The types of the library don't know the parameter; its requests do.
      const query = { fields: fieldsOfObject } as object
      const [resource] = await file.getMetadata(query)
      return infoOfResource(resource as ObjectResource, version)
    })
  } catch (error) {
    if (error instanceof StoreError && error.failure === 'not-found') return undefined
    throw error
  }
}
