import { describe, expect, test } from 'vitest'
import type { CallContext } from '../../src/stores/failures.ts'
import { StoreError, type StoreFailure } from '../../src/stores/object-store.ts'
import { TransientError } from '../../src/stores/retry.ts'
import { translate } from '../../src/stores/s3/errors.ts'

const context: CallContext = { store: 's3://bucket', doing: 'read objects', key: 'dir/key' }
const answered = (status: number, name: string, headers = {}) =>
  Object.assign(new Error('AKIA1234 Signature=abc'), {
    name,
    $metadata: { httpStatusCode: status },
    $response: { headers },
  })
const broken = (code: string) => Object.assign(new Error(`connect ${code} secret.host`), { code })

describe('what an error of the SDK means', () => {
  const table: [string, unknown, Partial<CallContext>, StoreFailure, boolean][] = [
    ['no such key', answered(404, 'NoSuchKey'), {}, 'not-found', false],
    ['a HEAD without body', answered(404, 'NotFound'), {}, 'not-found', false],
    ['no such version', answered(404, 'NoSuchVersion'), {}, 'not-found', false],
    ['no such bucket', answered(404, 'NoSuchBucket'), {}, 'no-bucket', false],
    ['condition: not there', answered(412, 'PreconditionFailed'), { onPrecondition: 'exists' }, 'exists', false],
    ['condition: another', answered(412, 'PreconditionFailed'), {}, 'changed', false],
    ['wrong key', answered(403, 'InvalidAccessKeyId'), {}, 'credentials', false],
    ['wrong secret', answered(403, 'SignatureDoesNotMatch'), {}, 'credentials', false],
    ['expired', answered(400, 'ExpiredToken'), {}, 'credentials', false],
    ['no identity in the pod', { name: 'CredentialsProviderError', message: 'x' }, {}, 'no-credentials', false],
    ['denied', answered(403, 'AccessDenied'), {}, 'denied', false],
    ['nonsense', answered(400, 'InvalidArgument'), {}, 'invalid', false],
    ['not implemented', answered(501, 'NotImplemented'), {}, 'invalid', false],
    ['a full disk', answered(507, 'XMinioStorageFull'), {}, 'full', false],
    ['a quota', answered(403, 'QuotaExceeded'), {}, 'full', false],
    ['500', answered(500, 'InternalError'), {}, 'unreachable', true],
    ['slow down', answered(503, 'SlowDown'), {}, 'unreachable', true],
    ['409', answered(409, 'ConditionalRequestConflict'), {}, 'unreachable', true],
    ['damaged on the way', answered(400, 'BadDigest'), {}, 'corrupt', true],
    ['half an answer', answered(200, 'SyntaxError'), {}, 'unreachable', true],
    ['refused connection', broken('ECONNREFUSED'), {}, 'unreachable', true],
    ['no such host', broken('ENOTFOUND'), {}, 'unreachable', true],
    ['torn', broken('ECONNRESET'), {}, 'unreachable', true],
    ['a certificate nobody knows', broken('DEPTH_ZERO_SELF_SIGNED_CERT'), {}, 'unreachable', false],
    ['anything else', new Error('?'), {}, 'unreachable', true],
    ['not even an error', 'text', {}, 'unreachable', true],
  ]
  for (const [what, thrown, more, failure, again] of table) {
    test(what, () => {
      const error = translate(thrown, { ...context, ...more })
      expect(error instanceof TransientError).toBe(again)
      const final = error instanceof TransientError ? error.final : error
      expect(final).toBeInstanceOf(StoreError)
      expect(final).toMatchObject({ failure, key: 'dir/key' })
      expect(final.message).toContain('s3://bucket')
      expect(final.message).not.toMatch(/AKIA|Signature=|secret\.host/)
    })
  }

  test('Retry-After is heard', () => {
    expect(translate(answered(503, 'SlowDown', { 'retry-after': '7' }), context)).toMatchObject({ after: 7000 })
    expect(translate(answered(503, 'SlowDown', { 'retry-after': 'Wed, 21 Oct' }), context)).toMatchObject({
      after: undefined,
    })
  })
  test('an abort stays what it is', () => {
    const stop = new AbortController()
    const reason = new Error('stopped')
    stop.abort(reason)
    expect(translate(new Error('aborted'), context, stop.signal)).toBe(reason)
  })
  test('what a server calls itself is not repeated', () => {
    const error = translate(answered(400, 'x<script> AKIA1234'), context)
    expect(error.message).not.toContain('AKIA')
  })
})
