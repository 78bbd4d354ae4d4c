import type { ListMultipartUploadsCommandOutput } from '@aws-sdk/client-s3'
import { readAuthorities } from '../authorities.ts'
import { downloadByStream, sumByStream, uploadByStream } from '../by-stream.ts'
import { makeConcurrency } from '../concurrency.ts'
import { Summer } from '../hashing/sums.ts'
import { type ObjectInfo, type ObjectStore, StoreError } from '../object-store.ts'
import { probeStore } from '../probe.ts'
import { defaultRetryPolicy, type RetryPolicy } from '../retry.ts'
import type { S3Address } from './address.ts'
import { type CredentialSource, openIdentity } from './credentials.ts'
import { abortable, callStore, type S3Deps, type Sdk } from './deps.ts'
import { getObject } from './get.ts'
import { infoOf } from './info.ts'
import { leanDownload, leanSum } from './lean/download.ts'
import { leanHead } from './lean/head.ts'
import { LeanPath } from './lean/open.ts'
import { leanPut, leanSender } from './lean/put.ts'
import { NotUnderstood } from './lean/response-head.ts'
import type { Lean } from './lean/send.ts'
import { leanUploadFile } from './lean/upload-file.ts'
import { readLifecycle } from './lifecycle.ts'
import { type ListDeps, listPages } from './list.ts'
import { putObject } from './put.ts'
import { abortUpload, ordinarySender, uploadObject } from './upload.ts'

export interface S3StoreOptions {
  credentials: CredentialSource
  caFile?: string | undefined
  /** Milliseconds without a byte after which a connection counts as dead; 30,000 if absent. */
  stall?: number | undefined
  retry?: RetryPolicy | undefined
  /** Connections at once; 64 if absent. */
  connections?: number | undefined
  /** Keys a page of a listing; for tests. */
  pageSize?: number | undefined
}

const deleteBatch = 1000
/** Objects under way beyond those whose bytes are: their files are opened or named. */
const spare = 8

const unfinishedUploads = async (deps: S3Deps, prefix: string, signal?: AbortSignal) => {
  const found: { key: string; id: string }[] = []
  let at: { KeyMarker?: string | undefined; UploadIdMarker?: string | undefined } | undefined = {}
  while (at) {
    const input = { Bucket: deps.bucket, Prefix: prefix, ...at }
    const page = await callStore(
      deps,
      { doing: 'list uploads' },
      signal,
      async (): Promise<ListMultipartUploadsCommandOutput> => {
        const { client, commands } = await deps.sdk()
        return client.send(new commands.ListMultipartUploads(input), abortable(signal))
      },
    )
    for (const { Key, UploadId } of page.Uploads ?? []) if (Key && UploadId) found.push({ key: Key, id: UploadId })
    at = page.IsTruncated ? { KeyMarker: page.NextKeyMarker, UploadIdMarker: page.NextUploadIdMarker } : undefined
  }
  return found
}

/** An S3 bucket. Opening reads credential files and asks the store nothing. */
export const openS3Store = async (address: S3Address, options: S3StoreOptions): Promise<ObjectStore> => {
  const name = `s3://${address.bucket}`
  const identity = await openIdentity(options.credentials, name)
  const ca = await readAuthorities(options.caFile)
  const { stall = 30_000, connections = 64 } = options
  const bucket = address.bucket
  let loading: Promise<Sdk> | undefined
  let loaded: Sdk | undefined
  const load = async (): Promise<Sdk> => {
    const [{ openClient }, { commands }] = await Promise.all([import('./client.ts'), import('./sdk.ts')])
    loaded = { client: await openClient(address, { identity, ca, stall, connections }), commands }
    return loaded
  }
  const deps: S3Deps = {
    sdk: () => {
      loading ??= load()
      return loading
    },
    clockOffset: () => loaded?.client.config.systemClockOffset ?? 0,
    bucket,
    name,
    retry: options.retry ?? defaultRetryPolicy,
    summer: new Summer(),
  }

  const ordinaryHead = async (
    key: string,
    { version, signal }: { version?: string; signal?: AbortSignal } = {},
  ): Promise<ObjectInfo | undefined> => {
    const input = { Bucket: bucket, Key: key, ...(version !== undefined ? { VersionId: version } : {}) }
    try {
      return await callStore(deps, { doing: 'read objects', key }, signal, async () => {
        const { client, commands } = await deps.sdk()
        const answer = await client.send(new commands.HeadObject(input), abortable(signal))
        if (answer.ContentLength === undefined) throw new SyntaxError('no content length')
        return infoOf(answer, answer.ContentLength)
      })
    } catch (error) {
      if (!(error instanceof StoreError)) throw error
      if (error.failure === 'not-found') return undefined
      if (error.failure !== 'invalid') throw error
      // Answers to HEAD have no body: a GET tells what the matter is (expired credentials, mostly).
      const { info, body } = await getObject(deps, key, {
        ...(version === undefined ? {} : { version }),
        ...(signal ? { signal } : {}),
      })
      body.destroy()
      return info
    }
  }

  const removeBatch = (keys: string[], signal?: AbortSignal) =>
    callStore(deps, { doing: 'delete objects' }, signal, async () => {
      const Delete = { Objects: keys.map((Key) => ({ Key })), Quiet: true }
      const { client, commands } = await deps.sdk()
      const answer = await client.send(new commands.DeleteObjects({ Bucket: bucket, Delete }), abortable(signal))
      const failed = answer.Errors?.find((error) => error.Code !== 'NoSuchKey')
      if (failed) throw { name: failed.Code, $metadata: { httpStatusCode: failed.Code === 'AccessDenied' ? 403 : 500 } }
    })

  const concurrency = makeConcurrency({ most: connections })
  const leanPath = new LeanPath(deps, {
    ...{ address, identity, ca, stall, concurrency },
    head: (key, how) => store.head(key, how),
  })

  /** The lean path, or the ordinary one where the lean one isn't there or doesn't understand what it sees. */
  const either = async <T>(quick: (lean: Lean) => Promise<T>, ordinary: () => Promise<T>): Promise<T> => {
    const lean = await leanPath.open()
    if (lean === undefined) return ordinary()
    try {
      return await quick(lean)
    } catch (error) {
      if (!(error instanceof NotUnderstood)) throw error
      return ordinary()
    }
  }

  const listing: ListDeps = { ...deps, lean: () => leanPath.open(), pageSize: options.pageSize }

  const store: ObjectStore = {
    name,
    get width() {
      return concurrency.limit + spare
    },
    async *list(prefix, listOptions) {
      for await (const page of listPages(listing, prefix, listOptions)) yield* page
    },
    pages: (prefix, listOptions) => listPages(listing, prefix, listOptions),
    head: (key, how) =>
      either(
        (lean) => leanHead(lean, key, how),
        () => ordinaryHead(key, how),
      ),
    get: (key, getOptions) => getObject(deps, key, getOptions),
    download: (key, target, how) =>
      either(
        (lean) => leanDownload(lean, key, target, how),
        () => downloadByStream(store, key, target, how),
      ),
    sum: (key, how) =>
      either(
        (lean) => leanSum(lean, key, how),
        () => sumByStream(store, key, how),
      ),
    put: (key, bytes, putOptions) =>
      either(
        (lean) => leanPut(lean, key, bytes, putOptions),
        () => putObject(deps, key, bytes, putOptions),
      ),
    async upload(key, size, open, putOptions = {}) {
      const lean = await leanPath.open()
      const sender = lean ? leanSender(lean) : ordinarySender(deps)
      return uploadObject(deps, key, size, open, putOptions, sender)
    },
    uploadFile: (key, fd, how) =>
      either(
        (lean) => leanUploadFile(lean, key, fd, how),
        () => uploadByStream(store, key, fd, how),
      ),
    async remove(keys, signal) {
      for (let i = 0; i < keys.length; i += deleteBatch) await removeBatch(keys.slice(i, i + deleteBatch), signal)
    },
    async abortUploads(prefix, signal) {
      const found = await unfinishedUploads(deps, prefix, signal)
      for (const { key, id } of found) await abortUpload(deps, key, id)
      return found.length
    },
    probe: (prefix, signal) => probeStore(store, prefix, signal),
    async keepsVersions(signal) {
      try {
        return await callStore(deps, { doing: 'read the versioning of the bucket' }, signal, async () => {
          const { client, commands } = await deps.sdk()
          const answer = await client.send(new commands.GetBucketVersioning({ Bucket: bucket }), abortable(signal))
          return answer.Status === 'Enabled'
        })
      } catch (error) {
        if (error instanceof StoreError && (error.failure === 'denied' || error.failure === 'invalid')) return undefined
        throw error
      }
    },
    removesVersions: (prefix, signal) => readLifecycle(deps, prefix, signal),
    async close() {
      await leanPath.close()
      loaded?.client.destroy()
    },
  }
  return store
}
