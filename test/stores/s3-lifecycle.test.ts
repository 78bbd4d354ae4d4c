import type { LifecycleRule } from '@aws-sdk/client-s3'
import { expect, test } from 'vitest'
import { removesOldVersions } from '../../src/stores/s3/lifecycle.ts'

const rule = (more: Partial<LifecycleRule>): LifecycleRule => ({
  Status: 'Enabled',
  NoncurrentVersionExpiration: { NoncurrentDays: 30 },
  ...more,
})

test.each([
  ['of the whole bucket', [rule({})], true],
  ['of the very prefix', [rule({ Filter: { Prefix: 'raw/set/' } })], true],
  ['of a prefix above', [rule({ Filter: { Prefix: 'raw/' } })], true],
  ['of a part below', [rule({ Filter: { And: { Prefix: 'raw/set/tmp/', Tags: [] } } })], true],
  ['as old tools write it', [rule({ Prefix: 'raw/' })], true],
  ['of another prefix', [rule({ Filter: { Prefix: 'logs/' } })], false],
  ['that is switched off', [rule({ Status: 'Disabled' })], false],
  ['of current versions only', [{ Status: 'Enabled', Expiration: { Days: 1 } }], false],
  ['none', [], false],
] as [string, LifecycleRule[], boolean][])('a rule %s', (_, rules, expected) => {
  expect(removesOldVersions(rules, 'raw/set/')).toBe(expected)
})
