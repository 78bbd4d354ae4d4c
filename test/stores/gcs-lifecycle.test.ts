import type { LifecycleRule } from '@google-cloud/storage'
import { expect, test } from 'vitest'
import { removesOldGenerations } from '../../src/stores/gcs/lifecycle.ts'

const rule = (condition: LifecycleRule['condition'], type: LifecycleRule['action']['type'] = 'Delete') => ({
  action: { type },
  condition,
})

test.each([
  ['of the whole bucket', [rule({ numNewerVersions: 3 })], true],
  ['of the very prefix', [rule({ isLive: false, matchesPrefix: ['raw/set/'] })], true],
  ['of a prefix above, beside others', [rule({ age: 30, matchesPrefix: ['logs/', 'raw/'] })], true],
  ['of a part below', [rule({ daysSinceNoncurrentTime: 7, matchesPrefix: ['raw/set/tmp/'] })], true],
  ['of another prefix', [rule({ numNewerVersions: 1, matchesPrefix: ['logs/'] })], false],
  ['of current objects only', [rule({ age: 1, isLive: true })], false],
  ['that only changes the class', [rule({ age: 1 }, 'SetStorageClass')], false],
  ['none', [], false],
] as [string, LifecycleRule[], boolean][])('a rule %s', (_, rules, expected) => {
  expect(removesOldGenerations(rules, 'raw/set/')).toBe(expected)
})
