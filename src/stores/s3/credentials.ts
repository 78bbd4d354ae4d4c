import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { StoreError } from '../object-store.ts'

/** How to prove who asks: the files of a mounted Secret, keys that are known, the identity of the pod (or of the person), or not at all. */
export type CredentialSource =
  | { from: 'Files'; directory: string }
  | { from: 'Given'; keys: AccessKeys }
  | { from: 'Ambient' }
  | { from: 'Anonymous' }

export interface AccessKeys {
  accessKeyId: string
  secretAccessKey: string
  sessionToken?: string
  /** When they end, if they do. */
  expiration?: Date
}

/** Who asks a store, for as long as the store is open. */
export interface Identity {
  /** False: anonymous, there are no keys. */
  readonly signs: boolean
  /**
   * The keys to sign with now; undefined: nothing is signed. Cheap enough to be called for every request: keys are remembered, and fetched anew some
   * minutes before they end. Fails with `no-credentials` where there are none, with a TransientError where whoever issues them does not answer.
   */
  keys(): Promise<AccessKeys | undefined>
  /** The store takes these keys for expired or wrong. True: `keys` gives others now, so that another try makes sense. */
  renew(refused: AccessKeys): Promise<boolean>
}

/** Fetches keys; `forceRefresh`: from where they are issued, whatever is remembered. */
export type KeySource = (options?: { forceRefresh?: boolean }) => Promise<AccessKeys | undefined>

const readKey = async (directory: string, name: string): Promise<string | undefined> => {
  try {
    return (await readFile(join(directory, name), 'utf8')).trim() || undefined
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined
    throw new StoreError('no-credentials', `the credentials file ${name} can't be read (${code ?? 'Error'})`)
  }
}

/** The keys of a mounted Secret, one file each. Fails with `no-credentials`, naming the key that is missing. */
export const readAccessKeys = async (directory: string, store: string): Promise<AccessKeys> => {
  const [accessKeyId, secretAccessKey, sessionToken] = await Promise.all([
    readKey(directory, 'AWS_ACCESS_KEY_ID'),
    readKey(directory, 'AWS_SECRET_ACCESS_KEY'),
    readKey(directory, 'AWS_SESSION_TOKEN'),
  ])
  if (accessKeyId && secretAccessKey) {
    return { accessKeyId, secretAccessKey, ...(sessionToken ? { sessionToken } : {}) }
  }
  const missing = accessKeyId ? 'AWS_SECRET_ACCESS_KEY' : 'AWS_ACCESS_KEY_ID'
  throw new StoreError(
    'no-credentials',
    `no credentials for ${store}: the Secret is missing or lacks the key ${missing}; create it in the Dataset's namespace`,
  )
}

/** Files that are read once, and again when they are refused: the kubelet renews a mounted Secret while the pod runs. */
const fileKeys = (directory: string, store: string): KeySource => {
  let remembered: AccessKeys | undefined
  return async (options) => {
    if (remembered === undefined || options?.forceRefresh) remembered = await readAccessKeys(directory, store)
    return remembered
  }
}

/** The pod's own identity in the order of the AWS tools: environment, shared files, web identity, pod identity, instance profile. */
const ambientKeys = async (store: string): Promise<KeySource> => {
  const [{ defaultProvider }, { fromIssuer }] = await Promise.all([
    import('@aws-sdk/credential-provider-node'),
    import('./issuer-errors.ts'),
  ])
  const provider = defaultProvider()
  return async (options) => {
    try {
      return await provider(options)
    } catch (error) {
      throw fromIssuer(error, store)
    }
  }
}

const sameKeys = (a: AccessKeys | undefined, b: AccessKeys | undefined): boolean =>
  a?.accessKeyId === b?.accessKeyId && a?.secretAccessKey === b?.secretAccessKey && a?.sessionToken === b?.sessionToken

/** An identity over any source of keys. Of many requests that are refused at once, one fetches. */
export const identityFrom = (source: KeySource): Identity => {
  let renewing: Promise<AccessKeys | undefined> | undefined
  return {
    signs: true,
    keys: () => source(),
    async renew(refused) {
      if (!sameKeys(await source(), refused)) return true
      renewing ??= source({ forceRefresh: true }).finally(() => {
        renewing = undefined
      })
      return !sameKeys(await renewing, refused)
    },
  }
}

/** Opens the identity for a store (`s3://bucket`, for messages). Fails with `no-credentials` when the files of a Secret are missing. */
export const openIdentity = async (source: CredentialSource, store: string): Promise<Identity> => {
  switch (source.from) {
    case 'Anonymous':
      return { signs: false, keys: async () => undefined, renew: async () => false }
    case 'Given':
      return identityFrom(async () => source.keys)
    case 'Ambient':
      return identityFrom(await ambientKeys(store))
    case 'Files': {
      const identity = identityFrom(fileKeys(source.directory, store))
      await identity.keys()
      return identity
    }
  }
}
