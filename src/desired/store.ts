import { type ApiLocation, type ProviderObject, type Resolution, resolveLocation, storedAt } from './location.ts'

/** Where versions lie below a store that says nothing else. */
const defaultPrefix = 'granary/'

export interface StoreQuestion {
  /** Of the Dataset. */
  namespace: string
  name: string
  store: ApiLocation | undefined
  /** Of the namespace. */
  providers: readonly ProviderObject[]
  /** Of the operator's config. */
  defaultStore: ApiLocation | undefined
}

const wanted = ({ store, providers, defaultStore }: StoreQuestion): ApiLocation | undefined => {
  if (store !== undefined) return store
  // A second default is refused by a condition; until it is mended the older one holds.
  const byDefault = providers
    .filter((provider) => provider.spec.default === true && provider.metadata.deletionTimestamp === undefined)
    .sort((a, b) => (a.metadata.creationTimestamp ?? '').localeCompare(b.metadata.creationTimestamp ?? ''))[0]
  return byDefault === undefined ? defaultStore : { provider: byDefault.metadata.name }
}

/** The Dataset's own directory in the store that its spec, the namespace or the operator's config names. */
export const resolveStore = (question: StoreQuestion): Resolution | { reason: 'NoStore'; message: string } => {
  const location = wanted(question)
  if (location === undefined)
    return {
      reason: 'NoStore',
      message:
        "Nothing says where versions are kept: write spec.store, make a StorageProvider with default: true in this namespace, or set the operator's --default-store.",
    }
  const resolution = resolveLocation({ ...location, prefix: location.prefix ?? defaultPrefix }, question.providers)
  return 'location' in resolution
    ? { location: storedAt(resolution.location, question.namespace, question.name) }
    : resolution
}
