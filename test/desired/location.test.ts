import { describe, expect, test } from 'vitest'
import { identity, moverAccess, type ProviderObject, resolveLocation, storedAt } from '../../src/desired/location.ts'

const provider: ProviderObject = {
  apiVersion: 'granary.dev/v1alpha1',
  kind: 'StorageProvider',
  metadata: { name: 'team', namespace: 'ns' },
  spec: { s3: { bucket: 'b', endpoint: 'http://s3:7070' }, prefix: 'team/', credentials: { secretName: 'keys' } },
}

describe('resolving a location', () => {
  test('a provider brings bucket, credentials and the first half of the prefix', () => {
    expect(resolveLocation({ provider: 'team', prefix: 'mnist/' }, [provider])).toEqual({
      location: {
        s3: { bucket: 'b', endpoint: 'http://s3:7070' },
        prefix: 'team/mnist/',
        credentials: { secretName: 'keys' },
        provider: 'team',
      },
    })
  })
  test('a bucket named in place', () => {
    expect(resolveLocation({ s3: { bucket: 'c' } }, [])).toEqual({ location: { s3: { bucket: 'c' }, prefix: '' } })
  })
  test('an unknown provider is said by name', () => {
    expect(resolveLocation({ provider: 'other' }, [provider])).toMatchObject({
      reason: 'ProviderNotFound',
      message: expect.stringContaining('"other"'),
    })
  })
  test('what is no bucket is refused for now', () => {
    expect(resolveLocation({}, [])).toMatchObject({ reason: 'Unsupported' })
  })
})

test('a Dataset has its own directory in the store', () => {
  expect(storedAt({ s3: { bucket: 'b' }, prefix: 'granary/' }, 'vision', 'mnist').prefix).toBe('granary/vision/mnist/')
})

test.each([
  [{ secretName: 'keys' }, 'Files'],
  [{ serviceAccountName: 'sa' }, 'Ambient'],
  [{ anonymous: true }, 'Anonymous'],
  [undefined, 'Ambient'],
])('credentials %j become %s', (credentials, expected) => {
  const access = moverAccess('source', { s3: { bucket: 'b' }, prefix: '', ...(credentials ? { credentials } : {}) })
  expect(access.location.credentials).toBe(expected)
})

test('one move, one service account', () => {
  const as = (serviceAccountName: string) =>
    moverAccess('x', { s3: { bucket: 'b' }, prefix: '', credentials: { serviceAccountName } })
  expect(identity([as('a'), as('a')])).toEqual({ serviceAccountName: 'a' })
  expect(identity([])).toEqual({})
  expect(identity([as('a'), as('b')])).toMatchObject({ reason: 'ConflictingIdentity' })
})
