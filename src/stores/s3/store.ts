import {
  DeleteObjectsCommand,
  GetBucketVersioningCommand,
  HeadObjectCommand,
  ListMultipartUploadsCommand,
  type ListMultipartUploadsCommandOutput,
} from '@aws-sdk/client-s3'
import { downloadByStream, uploadByStream } from '../by-stream.ts'
import { type ObjectInfo, type ObjectStore, StoreError } from '../object-store.ts'
import { probeStore } from '../probe.ts'
import { defaultRetryPolicy, type RetryPolicy } from '../retry.ts'
import { openClient, type S3Address } from './client.ts'
import { type CredentialSource, openIdentity } from './credentials.ts'
import { abortable, callStore, type S3Deps } from './deps.ts'
import { getObject } from './get.ts'
import { infoOf } from './info.ts'
import { listObjects } from './list.ts'
import { putObject } from './put.ts'
import { abortUpload, uploadObject } from './upload.ts'

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

const unfinishedUploads = async (deps: S3Deps, prefix: string, signal?: AbortSignal) => {
  const found: { key: string; id: string }[] = []
  let at: { KeyMarker?: string | undefined; UploadIdMarker?: string | undefined } | undefined = {}
  while (at) {
    const input = { Bucket: deps.bucket, Prefix: prefix, ...at }
    const page: ListMultipartUploadsCommandOutput = await callStore(deps, { doing: 'list uploads' }, signal, () =>
      deps.client.send(new ListMultipartUploadsCommand(input), abortable(signal)),
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
  const client = await openClient(address, {
    identity,
    caFile: options.caFile,
    stall: options.stall ?? 30_000,
    connections: options.connections ?? 64,
  })
  const bucket = address.bucket
  const deps = { client, bucket, name, retry: options.retry ?? defaultRetryPolicy }

  const head = async (
    key: string,
    { version, signal }: { version?: string; signal?: AbortSignal } = {},
  ): Promise<ObjectInfo | undefined> => {
    const input = { Bucket: bucket, Key: key, ...(version !== undefined ? { VersionId: version } : {}) }
    try {
      return await callStore(deps, { doing: 'read objects', key }, signal, async () => {
        const answer = await client.send(new HeadObjectCommand(input), abortable(signal))
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
      const answer = await client.send(new DeleteObjectsCommand({ Bucket: bucket, Delete }), abortable(signal))
      const failed = answer.Errors?.find((error) => error.Code !== 'NoSuchKey')
      if (failed) throw { name: failed.Code, $metadata: { httpStatusCode: failed.Code === 'AccessDenied' ? 403 : 500 } }
    })

  const store: ObjectStore = {
    name,
    width: 32,
    list: (prefix, listOptions) => listObjects({ ...deps, pageSize: options.pageSize }, prefix, listOptions),
    head,
    get: (key, getOptions) => getObject(deps, key, getOptions),
    download: (key, target, how) => downloadByStream(store, key, target, how),
    put: (key, bytes, putOptions) => putObject(deps, key, bytes, putOptions),
    upload: (key, size, open, putOptions) => uploadObject(deps, key, size, open, putOptions),
    uploadFile: (key, fd, how) => uploadByStream(store, key, fd, how),
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
          const answer = await client.send(new GetBucketVersioningCommand({ Bucket: bucket }), abortable(signal))
          return answer.Status === 'Enabled'
        })
      } catch (error) {
        if (error instanceof StoreError && (error.failure === 'denied' || error.failure === 'invalid')) return undefined
        throw error
      }
    },
    async close() {
      client.destroy()
    },
  }
  return store
}
