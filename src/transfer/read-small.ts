import { type ObjectInfo, type ObjectStore, StoreError } from '../stores/object-store.ts'

/** Records and roots are small; a bigger one is not ours. */
const most = 64 * 1024 * 1024

/** A whole small object in memory; undefined: it is not there. */
export const readSmall = async (
  store: ObjectStore,
  key: string,
  signal?: AbortSignal,
): Promise<{ info: ObjectInfo; bytes: Buffer } | undefined> => {
  try {
    const { info, body } = await store.get(key, signal ? { signal } : {})
    if (info.size > most) {
      body.destroy()
      throw new StoreError('corrupt', `${store.name}/${key} is far bigger than anything that Granary writes there`, key)
    }
    const bytes = Buffer.concat(await body.toArray())
    if (bytes.length === info.size) return { info, bytes }
    throw new StoreError('corrupt', `${store.name}/${key} has another length than the store says`, key)
  } catch (error) {
    if (error instanceof StoreError && error.failure === 'not-found') return undefined
    throw error
  }
}
