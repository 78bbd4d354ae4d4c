import { randomUUID } from 'node:crypto'
import { Readable } from 'node:stream'
import { type Capabilities, type ObjectStore, StoreError } from './object-store.ts'

const refused = async (work: Promise<unknown>, as: 'exists' | 'changed'): Promise<boolean> => {
  try {
    await work
    return false
  } catch (error) {
    if (!(error instanceof StoreError)) throw error
    if (error.failure === as) return true
    // Stores that don't know a condition ignore it or call it invalid.
    if (error.failure === 'invalid') return false
    throw error
  }
}

/** One byte more than a single part holds: the smallest upload that needs several. */
const twoParts = 8 * 1024 * 1024 + 1

const zeros = (_offset: number, length: number): Readable =>
  Readable.from([Buffer.alloc(length)], { objectMode: false })

/** Tries what a store can do with two objects under the prefix, which are removed again whatever happens. */
export const probeStore = async (store: ObjectStore, prefix: string, signal?: AbortSignal): Promise<Capabilities> => {
  const small = `${prefix}.granary-probe-${randomUUID()}`
  const big = `${small}-parts`
  const options = signal ? { signal } : {}
  try {
    const before = await store.put(small, Buffer.from('before'), options)
    await store.put(small, Buffer.from('granary'), options)
    const putIfAbsent = await refused(store.put(small, Buffer.from('other'), { ...options, ifAbsent: true }), 'exists')
    const info = await store.head(small, options)
    const get = async () => {
      const { body } = await store.get(small, { ...options, ifMatch: before.etag ?? '' })
      body.destroy()
    }
    const getIfMatch = await refused(get(), 'changed')
    await store.put(big, Buffer.from('granary'), options)
    const multipartIfAbsent = await refused(
      store.upload(big, twoParts, zeros, { ...options, ifAbsent: true }),
      'exists',
    )
    const versioning = await store.keepsVersions(signal)
    const sums = info?.checksums ?? {}
    return {
      putIfAbsent,
      getIfMatch,
      multipartIfAbsent,
      versioning: versioning ?? false,
      checksums: Object.keys(sums).length > 0,
    }
  } finally {
    await store.remove([small, big])
  }
}
