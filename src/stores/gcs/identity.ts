import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Storage, type StorageOptions } from '@google-cloud/storage'
import { wordOf } from '../failures.ts'
import { StoreError } from '../object-store.ts'
import { TransientError } from '../retry.ts'

/** How to prove who asks: `service-account.json` of a mounted Secret, the identity of the pod (or of the person), or not at all. */
export type CredentialSource = { from: 'Files'; directory: string } | { from: 'Ambient' } | { from: 'Anonymous' }

/** Who asks a bucket, for as long as the store is open. */
export interface GoogleIdentity {
  /** The value of the Authorization header now; undefined: none. Remembered, and made anew some minutes before it ends. */
  header(): Promise<string | undefined>
  /** The store refused this header. True: `header` gives another one now, so that another try makes sense. */
  renew(refused: string): Promise<boolean>
}

/** What Google's library gives tokens by. */
export interface TokenClient {
  getRequestHeaders(): Promise<{ Authorization?: string }>
}

/** All that is needed; the library would ask for more. */
const scopes = ['https://www.googleapis.com/auth/devstorage.read_write']
const keyFile = 'service-account.json'

const missing = (store: string) =>
  new StoreError(
    'no-credentials',
    `no credentials for ${store}: the Secret is missing or lacks the key ${keyFile}; create it in the Dataset's namespace`,
  )

const readKey = async (directory: string, store: string): Promise<Record<string, unknown>> => {
  let text: string
  try {
    text = await readFile(join(directory, keyFile), 'utf8')
  } catch {
    throw missing(store)
  }
  try {
    const key: unknown = JSON.parse(text)
    if (typeof key === 'object' && key !== null && 'type' in key) return key as Record<string, unknown>
  } catch {
    // Not repeated: the parser quotes what it read.
  }
  throw new StoreError(
    'no-credentials',
    `no credentials for ${store}: ${keyFile} is not the JSON of a service account key: put the whole file that Google gave into the Secret`,
  )
}

/** A client of Google's library for these credentials, or else for those in the order of Google's tools: GOOGLE_APPLICATION_CREDENTIALS, the file of gcloud, the metadata server. */
const clientFor = async (credentials?: StorageOptions['credentials']): Promise<TokenClient> => {
  // Told of no project, it asks for one in several places, which takes seconds, and nothing here is about projects.
  const { authClient } = new Storage({ projectId: 'any', ...(credentials ? { credentials } : {}) })
  // A service account signs its tokens itself, which needs no other server.
  authClient.useJWTAccessWithScope = true
  const client = await authClient.getClient()
  return Object.assign(client, { scopes }) as TokenClient
}

const clientOfKey = async (directory: string, store: string): Promise<TokenClient> => {
  const key = await readKey(directory, store)
  const whole = typeof key.client_email === 'string' && typeof key.private_key === 'string'
  if (key.type === 'service_account' && !whole) throw missing(store)
  return clientFor(key as StorageOptions['credentials'])
}

interface AuthError {
  name?: string
  code?: string
  message?: string
  status?: number
  response?: { status?: number }
}

/** Why there is no token. The words of the library are not repeated: they may quote keys. */
export const fromGoogle = (thrown: unknown, store: string): Error => {
  if (thrown instanceof StoreError || thrown instanceof TransientError) return thrown
  const error = (typeof thrown === 'object' && thrown !== null ? thrown : {}) as AuthError
  const word = wordOf(error)
  const status = error.response?.status ?? error.status
  if (word.startsWith('ERR_OSSL') || word.startsWith('ERR_CRYPTO')) {
    const what = `the private key in ${keyFile} can't be used (${word}): put the whole file that Google gave into the Secret`
    return new StoreError('no-credentials', `no credentials for ${store}: ${what}`)
  }
  if (status !== undefined && status >= 400 && status < 500 && status !== 404 && status !== 429) {
    const advice = 'check that the key is not deleted, or that the service account of the pod may act as one of Google'
    return new StoreError('credentials', `Google issues no token for ${store} (${status}): ${advice}`)
  }
  if (status === 404 || error.message?.startsWith('Could not load the default credentials')) {
    // The metadata server of a new pod answers like that for some seconds: worth some more tries.
    const advice = 'name a Secret in credentials.secretName, or a service account with workload identity'
    return new TransientError(new StoreError('no-credentials', `no credentials for ${store}: ${advice}`))
  }
  return new TransientError(
    new StoreError('unreachable', `no token for ${store} yet: whoever issues it does not answer (${word})`),
  )
}

/** An identity over whatever makes clients of Google's library: a refused token is made anew by a new one. */
export const identityFrom = (make: () => Promise<TokenClient>, store: string): GoogleIdentity => {
  let client: Promise<TokenClient> | undefined
  let renewing: Promise<unknown> | undefined
  const header = async (): Promise<string | undefined> => {
    client ??= make()
    try {
      return (await (await client).getRequestHeaders()).Authorization
    } catch (error) {
      client = undefined
      throw fromGoogle(error, store)
    }
  }
  return {
    header,
    async renew(refused) {
      if ((await header()) !== refused) return true
      renewing ??= (async () => {
        client = undefined
        await header()
      })().finally(() => {
        renewing = undefined
      })
      await renewing
      return (await header()) !== refused
    },
  }
}

/** Opens the identity for a bucket (`gs://bucket`, for messages). Fails with `no-credentials` when the key file is missing or is none. */
export const openIdentity = async (source: CredentialSource, store: string): Promise<GoogleIdentity> => {
  switch (source.from) {
    case 'Anonymous':
      return { header: async () => undefined, renew: async () => false }
    case 'Ambient':
      return identityFrom(() => clientFor(), store)
    case 'Files': {
      const client = await clientOfKey(source.directory, store)
      let first: TokenClient | undefined = client
      const make = async () => {
        const made = first ?? (await clientOfKey(source.directory, store))
        first = undefined
        return made
      }
      return identityFrom(make, store)
    }
  }
}
