import { FileHashes } from '../hashing/file-hashes.ts'
import { Summer } from '../hashing/sums.ts'
import { type ObjectStore, StoreError } from '../object-store.ts'
import { probeStore } from '../probe.ts'
import { defaultRetryPolicy, type RetryPolicy } from '../retry.ts'
import { PartBuffers } from '../s3/lean/part-buffers.ts'
import { type GcsAddress, type GcsDeps, openClient } from './client.ts'
import { downloadObject } from './download.ts'
import { getObject, readerOf } from './get.ts'
import { type CredentialSource, openIdentity } from './identity.ts'
import { readLifecycle } from './lifecycle.ts'
import { listObjects } from './list.ts'
import { putObject } from './put.ts'
import { callSdk, headObject, openSdk } from './sdk.ts'
import { fetchStretch, type Stretch } from './stretch.ts'
import { uploadFile, uploadObject } from './upload.ts'

export interface GcsStoreOptions {
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

/** Deletes at once: there is one request for each object. */
const deletesInFlight = 32

const removeOne = async (deps: GcsDeps, key: string, signal: AbortSignal | undefined): Promise<void> => {
  try {
    await callSdk(deps, { doing: 'delete objects', key }, signal, (bucket) => bucket.file(key).delete())
  } catch (error) {
    if (!(error instanceof StoreError) || error.failure !== 'not-found') throw error
  }
}

/** A bucket of Google Cloud Storage. Opening reads credential files and asks the store nothing. */
export const openGcsStore = async (address: GcsAddress, options: GcsStoreOptions): Promise<ObjectStore> => {
  const name = `gs://${address.bucket}`
  const identity = await openIdentity(options.credentials, name)
  const client = await openClient(address, {
    identity,
    caFile: options.caFile,
    stall: options.stall ?? 30_000,
    connections: options.connections ?? 64,
  })
  const bucket = encodeURIComponent(address.bucket)
  const path = `/storage/v1/b/${bucket}`
  const uploadPath = `/upload/storage/v1/b/${bucket}/o`
  const retry = options.retry ?? defaultRetryPolicy
  const storage = openSdk(client.endpoint, client.send)
  const summer = new Summer()
  const deps: GcsDeps = { send: client.send, storage, bucket: address.bucket, name, path, uploadPath, retry, summer }

  const reader = readerOf(deps)
  const fetch = (stretch: Stretch) => fetchStretch(deps, client.lines, stretch)
  const hashes = new FileHashes()
  const uploads = { deps, buffers: new PartBuffers(), hashes }

  const head: ObjectStore['head'] = (key, how) => headObject(deps, key, how)

  const store: ObjectStore = {
    name,
    width: 32,
    list: (prefix, listOptions) => listObjects({ ...deps, pageSize: options.pageSize }, prefix, listOptions),
    head,
    get: (key, getOptions) => getObject(deps, key, getOptions),
    download: (key, target, how) => downloadObject({ reader, fetch, head, hashes }, key, target, how),
    put: (key, bytes, putOptions) => putObject(deps, key, bytes, putOptions),
    upload: (key, size, open, putOptions) => uploadObject(uploads, key, size, open, putOptions),
    uploadFile: (key, fd, how) => uploadFile(uploads, key, fd, how),
    async remove(keys, signal) {
      for (let i = 0; i < keys.length; i += deletesInFlight)
        await Promise.all(keys.slice(i, i + deletesInFlight).map((key) => removeOne(deps, key, signal)))
    },
    // Sessions can't be listed, and end by themselves; what is in them is neither seen nor paid for.
    abortUploads: async () => 0,
    probe: (prefix, signal) => probeStore(store, prefix, signal),
    async keepsVersions(signal) {
      try {
        return await callSdk(deps, { doing: 'read the bucket' }, signal, async (bucket) => {
          const [{ versioning }] = await bucket.getMetadata({ fields: 'versioning' })
          return versioning?.enabled === true
        })
      } catch (error) {
        if (error instanceof StoreError && error.failure === 'denied') return undefined
        throw error
      }
    },
    removesVersions: (prefix, signal) => readLifecycle(deps, prefix, signal),
    async close() {
      await client.close()
      await hashes.close()
    },
  }
  return store
}
