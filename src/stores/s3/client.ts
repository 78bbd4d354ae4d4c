import { Agent as HttpAgent } from 'node:http'
import { Agent as HttpsAgent } from 'node:https'
import { S3Client, type S3ClientConfig } from '@aws-sdk/client-s3'
import { StoreError } from '../object-store.ts'
import { type S3Address, usualRegion } from './address.ts'
import type { Identity } from './credentials.ts'
import { refusesKeys } from './errors.ts'

export interface ClientOptions {
  identity: Identity
  /** All authorities to trust, as PEM; the usual ones if absent. */
  ca?: string[] | undefined
  /** Milliseconds without a byte after which a connection counts as dead. */
  stall: number
  /** Connections at once. */
  connections: number
}

/** The SDK remembers keys as long as they last: told that they end now, it asks the identity for every request, which remembers them itself. */
const signing = (identity: Identity): Partial<S3ClientConfig> => {
  if (identity.signs) {
    return {
      credentials: async () => {
        const keys = await identity.keys()
        if (keys === undefined) throw new StoreError('no-credentials', 'the keys of this store are gone')
        return { ...keys, expiration: new Date() }
      },
    }
  }
  // The SDK looks for keys even when nothing is to be signed: it gets some, and a signer that signs nothing.
  return {
    credentials: { accessKeyId: 'anonymous', secretAccessKey: 'anonymous' },
    signer: { sign: async (request) => request },
  }
}

/** The SDK's client without its retries and checksums: both are done here, where a resumed body can be seen as a whole. */
export const openClient = async (address: S3Address, options: ClientOptions): Promise<S3Client> => {
  const { identity, ca } = options
  const agent = { keepAlive: true, maxSockets: options.connections }
  const client = new S3Client({
    ...signing(identity),
    region: address.region ?? usualRegion,
    ...(address.endpoint ? { endpoint: address.endpoint } : { followRegionRedirects: true }),
    forcePathStyle: address.forcePathStyle ?? address.endpoint !== undefined,
    maxAttempts: 1,
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    requestHandler: {
      connectionTimeout: Math.min(10_000, options.stall),
      socketTimeout: options.stall,
      // Requests that wait for a connection are the normal case here, not worth a warning.
      socketAcquisitionWarningTimeout: 2 ** 31 - 1,
      httpAgent: new HttpAgent(agent),
      httpsAgent: new HttpsAgent({ ...agent, ...(ca ? { ca } : {}) }),
    },
  })
  // Asks for the stored checksums without the SDK's own checking of them: a resumed body is checked as a whole.
  client.middlewareStack.add(
    (next, context) => (args) => {
      const { request } = args as { request: { headers: Record<string, string> } }
      if (context.commandName === 'GetObjectCommand' || context.commandName === 'HeadObjectCommand') {
        request.headers['x-amz-checksum-mode'] = 'ENABLED'
      }
      return next(args)
    },
    { step: 'build', name: 'granaryChecksumMode' },
  )
  // Keys may end, or be replaced, while a transfer goes on: with new ones the same request is sent once more.
  client.middlewareStack.add(
    (next) => async (args) => {
      const used = await identity.keys()
      try {
        return await next(args)
      } catch (error) {
        if (used === undefined || !refusesKeys(error) || !(await identity.renew(used))) throw error
        return next(args)
      }
    },
    { step: 'initialize', name: 'granaryRenew' },
  )
  return client
}
