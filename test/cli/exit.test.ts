import { expect, test } from 'vitest'
import { CommandError, explain } from '../../src/cli/exit.ts'
import { ApiError } from '../../src/kube/api-error.ts'
import { ManifestError } from '../../src/manifest/error.ts'
import { MoveFailure } from '../../src/mover/failure.ts'
import { StoreError } from '../../src/stores/object-store.ts'

const api = (code: number, reason?: string) => new ApiError(code, { ...(reason && { reason }), message: 'm' })
const network = (code: string) => new TypeError('fetch failed', { cause: Object.assign(new Error('x'), { code }) })

test.each<[string, unknown, number]>([
  ['not there', api(404), 3],
  ['who are you', api(401), 4],
  ['forbidden', api(403, 'Forbidden'), 4],
  ['somebody was faster', api(409, 'Conflict'), 5],
  ['there already', api(409, 'AlreadyExists'), 5],
  ['a schema refuses it', new ApiError(422, { reason: 'Invalid', message: 'm', details: { name: 'mnist' } }), 1],
  ['too many requests', api(429), 6],
  ['a broken server', api(503), 6],
  ['nobody listens', network('ECONNREFUSED'), 6],
  ['no such host', network('ENOTFOUND'), 6],
  ['no answer in time', network('UND_ERR_HEADERS_TIMEOUT'), 6],
  ['no such key', new StoreError('not-found', 'm'), 3],
  ['no such bucket', new StoreError('no-bucket', 'm'), 3],
  ['keys are wrong', new StoreError('credentials', 'm'), 4],
  ['a store that is away', new StoreError('unreachable', 'm'), 6],
  ['a damaged file', new MoveFailure('Corrupt', 'm'), 8],
  ['a damaged manifest', new ManifestError('m'), 8],
  ['a sentence of our own', new CommandError(7, 'm'), 7],
  ['anything else', new Error('m'), 1],
])('%s', (_, error, code) => {
  expect(explain(error).code).toBe(code)
})
