import type { Dataset } from '../api/dataset.ts'
import { type ObjectStore, StoreError } from '../stores/object-store.ts'
import type { Context, Flag, Flags } from './command.ts'
import { CommandError, exit } from './exit.ts'

/** Flags of verbs that read bytes from the store themselves. */
export const ownStoreFlags: Record<string, Flag> = {
  endpoint: {
    type: 'string',
    value: 'URL',
    summary: "the store's address as it is seen from here; default: as the Dataset says",
  },
}

/** Flags of verbs that read the store. */
export const storeFlags: Record<string, Flag> = {
  'in-cluster': { type: 'boolean', summary: 'a pod in the cluster reads the store, not this program' },
  ...ownStoreFlags,
}

export interface DatasetStore {
  store: ObjectStore
  /** Directory of the Dataset in it. */
  prefix: string
}

/** The store of a Dataset, opened with the credentials of the person's own environment. Whoever opens it closes it. */
export const openDatasetStore = async (
  context: Context,
  { metadata, status }: Dataset,
  flags: Flags,
): Promise<DatasetStore> => {
  const at = status?.store
  if (at === undefined)
    throw new CommandError(exit.notFound, `${metadata.name} has no store yet: granary why ${metadata.name} says why`)
  if (at.kind === 'claim')
    throw new CommandError(
      exit.notAllowed,
      `the versions of ${metadata.name} are on the volume of claim ${at.bucket}, which can be read in the cluster only: mount a version instead`,
    )
  const own = typeof flags.endpoint === 'string' ? flags.endpoint : at.endpoint
  const endpoint = own === undefined ? {} : { endpoint: own }
  const { bucket, region, forcePathStyle } = at
  const where =
    at.kind === 's3'
      ? {
          s3: {
            bucket,
            ...endpoint,
            ...(region === undefined ? {} : { region }),
            ...(forcePathStyle === undefined ? {} : { forcePathStyle }),
          },
        }
      : { gcs: { bucket, ...endpoint } }
  const store = await context.openStore({ name: 'store', credentials: 'Ambient', ...where })
  return { store, prefix: at.prefix }
}

const advice: Record<string, string> = {
  s3: 'set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE, to credentials that may read the bucket',
  gs: 'set GOOGLE_APPLICATION_CREDENTIALS to a file with credentials that may read the bucket',
}

/** Does something with a store and closes it. Missing or refused credentials: the sentence says which variables are meant. */
export const withStore = async <T>({ store }: DatasetStore, work: () => Promise<T>): Promise<T> => {
  try {
    return await work()
  } catch (error) {
    if (!(error instanceof StoreError) || !['no-credentials', 'credentials', 'denied'].includes(error.failure))
      throw error
    const kind = store.name.split(':')[0] ?? ''
    const sentence = `${store.name} can not be read with the credentials of this environment (${error.failure}): ${advice[kind] ?? advice.s3}`
    throw new CommandError(exit.notAllowed, sentence, { cause: error })
  } finally {
    await store.close()
  }
}
