import { uploadByStream } from '../by-stream.ts'
import { FileHashes } from '../hashing/file-hashes.ts'
import { Summer } from '../hashing/sums.ts'
import { type ObjectInfo, type ObjectStore, StoreError } from '../object-store.ts'
import { probeStore } from '../probe.ts'
import { defaultRetryPolicy, type RetryPolicy } from '../retry.ts'
import { callJson, type GcsAddress, type GcsDeps, openClient, queryOf } from './client.ts'
import { downloadObject } from './download.ts'
import { getObject, objectPath, readerOf } from './get.ts'
import { type CredentialSource, openIdentity } from './identity.ts'
import { fieldsOfObject, infoOfResource, type ObjectResource } from './info.ts'
import { listObjects } from './list.ts'
import { putObject } from './put.ts'
import { uploadObject } from './upload.ts'

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
    const call = { method: 'DELETE' as const, path: objectPath(deps, key), signal }
    await callJson(deps, { doing: 'delete objects', key }, call, () => {})
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
  const deps: GcsDeps = { send: client.send, name, path, uploadPath, retry, summer: new Summer() }

  const reader = readerOf(deps)
  const hashes = new FileHashes()

  const head: ObjectStore['head'] = async (key, { version, signal } = {}): Promise<ObjectInfo | undefined> => {
    const query = queryOf({ fields: fieldsOfObject, generation: version })
    const call = { method: 'GET' as const, path: objectPath(deps, key) + query, signal }
    try {
      return await callJson(deps, { doing: 'read objects', key }, call, (json) =>
        infoOfResource(json as ObjectResource, version),
      )
    } catch (error) {
      if (error instanceof StoreError && error.failure === 'not-found') return undefined
      throw error
    }
  }

  const store: ObjectStore = {
    name,
    width: 32,
    list: (prefix, listOptions) => listObjects({ ...deps, pageSize: options.pageSize }, prefix, listOptions),
    head,
    get: (key, getOptions) => getObject(deps, key, getOptions),
    download: (key, target, how) => downloadObject({ reader, head, hashes }, key, target, how),
    put: (key, bytes, putOptions) => putObject(deps, key, bytes, putOptions),
    upload: (key, size, open, putOptions) => uploadObject(deps, key, size, open, putOptions),
    uploadFile: (key, fd, how) => uploadByStream(store, key, fd, how),
    async remove(keys, signal) {
      for (let i = 0; i < keys.length; i += deletesInFlight)
        await Promise.all(keys.slice(i, i + deletesInFlight).map((key) => removeOne(deps, key, signal)))
    },
    // Sessions can't be listed, and end by themselves; what is in them is neither seen nor paid for.
    abortUploads: async () => 0,
    probe: (prefix, signal) => probeStore(store, prefix, signal),
    async keepsVersions(signal) {
      const call = { method: 'GET' as const, path: `${path}?fields=versioning`, signal }
      try {
        return await callJson(deps, { doing: 'read the bucket' }, call, (json) => {
          const { versioning } = json as { versioning?: { enabled?: boolean } }
          return versioning?.enabled === true
        })
      } catch (error) {
        if (error instanceof StoreError && error.failure === 'denied') return undefined
        throw error
      }
    },
    async close() {
      await client.close()
      await hashes.close()
    },
  }
  return store
}
