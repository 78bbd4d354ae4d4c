import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { StoreError } from '../../src/stores/object-store.ts'
import { TransientError } from '../../src/stores/retry.ts'
import { type AccessKeys, identityFrom, openIdentity } from '../../src/stores/s3/credentials.ts'
import { fromIssuer } from '../../src/stores/s3/issuer-errors.ts'

describe('the keys of a mounted Secret', () => {
  let directory: string
  const plant = (id: string, secret: string, token?: string) =>
    Promise.all([
      writeFile(join(directory, 'AWS_ACCESS_KEY_ID'), `${id}\n`),
      writeFile(join(directory, 'AWS_SECRET_ACCESS_KEY'), secret),
      ...(token ? [writeFile(join(directory, 'AWS_SESSION_TOKEN'), token)] : []),
    ])
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'granary-keys-'))
  })
  afterEach(() => rm(directory, { recursive: true }))

  test('are read once, and again when the store refuses them', async () => {
    await plant('one', 'secret-one')
    const identity = await openIdentity({ from: 'Files', directory }, 's3://bucket')
    const first = (await identity.keys())!
    expect(first).toEqual({ accessKeyId: 'one', secretAccessKey: 'secret-one' })
    expect(await identity.renew(first)).toBe(false)
    await plant('two', 'secret-two', 'token')
    expect(await identity.keys()).toEqual(first)
    expect(await identity.renew(first)).toBe(true)
    expect(await identity.keys()).toEqual({
      accessKeyId: 'two',
      secretAccessKey: 'secret-two',
      sessionToken: 'token',
    })
    expect(await identity.renew(first), 'a late refusal of the old ones').toBe(true)
  })

  test('that are not there are missed when the store is opened', async () => {
    const opening = openIdentity({ from: 'Files', directory }, 's3://bucket')
    await expect(opening).rejects.toMatchObject({ failure: 'no-credentials' })
  })
})

test('of many requests that are refused at once, one fetches new keys', async () => {
  let issued = 0
  let current: AccessKeys = { accessKeyId: '0', secretAccessKey: 'x' }
  const identity = identityFrom(async (options) => {
    if (options?.forceRefresh) current = { accessKeyId: String(++issued), secretAccessKey: 'x' }
    return current
  })
  const refused = (await identity.keys())!
  const renewed = await Promise.all(Array.from({ length: 9 }, () => identity.renew(refused)))
  expect(renewed).toEqual(Array(9).fill(true))
  expect(issued).toBe(1)
})

test('who asks anonymously has no keys and gets none', async () => {
  const identity = await openIdentity({ from: 'Anonymous' }, 's3://bucket')
  expect(identity.signs).toBe(false)
  expect(await identity.keys()).toBeUndefined()
})

describe('why nobody issues keys', () => {
  const final = (error: Error) => (error instanceof TransientError ? error.final : error) as StoreError
  const table: [string, unknown, string, boolean][] = [
    ['a role that does not trust', { name: 'AccessDenied', $metadata: { httpStatusCode: 403 } }, 'credentials', false],
    [
      'an expired web token',
      { name: 'ExpiredTokenException', $metadata: { httpStatusCode: 400 } },
      'credentials',
      false,
    ],
    [
      'a token that makes no sense',
      { name: 'InvalidParameterValue', $metadata: { httpStatusCode: 400 } },
      'credentials',
      false,
    ],
    ['too many at once', { name: 'Throttling', $metadata: { httpStatusCode: 400 } }, 'unreachable', true],
    [
      'its own issuer is away',
      { name: 'IDPCommunicationError', $metadata: { httpStatusCode: 400 } },
      'unreachable',
      true,
    ],
    ['nobody there', { name: 'CredentialsProviderError', message: 'token abc' }, 'no-credentials', true],
    ['no answer', { name: 'Error', code: 'ECONNREFUSED' }, 'unreachable', true],
    ['something odd', 'text', 'unreachable', true],
  ]
  test.each(table)('%s', (_, thrown, failure, again) => {
    const error = fromIssuer(thrown, 's3://bucket')
    expect(error instanceof TransientError).toBe(again)
    expect(final(error)).toBeInstanceOf(StoreError)
    expect(final(error).failure).toBe(failure)
    expect(error.message).not.toContain('abc')
  })
})
