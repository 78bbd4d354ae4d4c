import { describe, expect, test } from 'vitest'
import type { ListedObject } from '../../src/stores/object-store.ts'
import { makeFingerprint } from '../../src/transfer/fingerprint.ts'

const of = (...files: [string, Partial<ListedObject>][]): string => {
  const fingerprint = makeFingerprint()
  for (const [path, object] of files) fingerprint.add(path, { key: `p/${path}`, size: 1, etag: 'e', ...object })
  return fingerprint.digest()
}

describe('the fingerprint of a listing', () => {
  test('changes with path, size, etag, and with what comes or goes', () => {
    const all = [
      of(),
      of(['a', {}]),
      of(['b', {}]),
      of(['a', { size: 2 }]),
      of(['a', { etag: 'f' }]),
      of(['a', {}], ['b', {}]),
    ]
    expect(new Set(all).size).toBe(all.length)
  })
  test('is the same with versions and without, and after the time of a copy', () => {
    expect(of(['a', { version: 'v', modified: 5 }])).toBe(of(['a', {}]))
  })
  test('takes version or time where there is no etag', () => {
    const none = (more: Partial<ListedObject>) => {
      const fingerprint = makeFingerprint()
      fingerprint.add('a', { key: 'a', size: 1, ...more })
      return fingerprint.digest()
    }
    expect(new Set([none({}), none({ version: '1' }), none({ version: '2' }), none({ modified: 3 })]).size).toBe(4)
  })
})
