import { downloadByStream } from '../by-stream.ts'
import { type Capabilities, type ObjectStore, StoreError } from '../object-store.ts'

const none: Capabilities = {
  putIfAbsent: false,
  getIfMatch: false,
  multipartIfAbsent: false,
  versioning: false,
  checksums: false,
}

/** What a place that can only be read from has in common with a store: every write is `denied`. */
export const readOnlyStore = (
  name: string,
  reading: Pick<ObjectStore, 'list' | 'get' | 'head'> & Partial<Pick<ObjectStore, 'close'>>,
): ObjectStore => {
  const refuse = async (): Promise<never> => {
    throw new StoreError('denied', `${name} can only be read from`)
  }
  const store: ObjectStore = {
    name,
    width: 8,
    put: refuse,
    upload: refuse,
    uploadFile: refuse,
    download: (key, target, options) => downloadByStream(store, key, target, options),
    remove: refuse,
    abortUploads: async () => 0,
    probe: async () => none,
    keepsVersions: async () => false,
    close: async () => {},
    ...reading,
  }
  return store
}
