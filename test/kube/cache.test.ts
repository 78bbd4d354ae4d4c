import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Pod } from '../../src/api/kinds.ts'
import { Cache } from '../../src/kube/cache.ts'
import { Expectations } from '../../src/kube/expectations.ts'
import { compareVersions } from '../../src/kube/resource-version.ts'
import type { KubeObject } from '../../src/kube/types.ts'

interface TestPod extends KubeObject {
  claims: string[]
}
const pod = (name: string, version: number, claims: string[] = []): TestPod => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, namespace: 'vision', resourceVersion: `${version}`, ...{ managedFields: ['much'] } },
  claims,
})
const claims = (object: KubeObject) => (object as TestPod).claims
const names = (objects: KubeObject[]) => objects.map(({ metadata }) => metadata.name).sort()

describe('the cache', () => {
  test('knows every object, without managedFields, by key, namespace and index', () => {
    const cache = new Cache({ kind: Pod, indexes: { claim: claims } })
    cache.replace([pod('a', 1, ['x', 'y']), pod('b', 2, ['y'])], '7')
    expect(cache.get('vision/a')?.metadata).toEqual({ name: 'a', namespace: 'vision', resourceVersion: '1' })
    expect([names(cache.byIndex('claim', 'y')), names(cache.list('vision')), names(cache.list('other'))]).toEqual([
      ['a', 'b'],
      ['a', 'b'],
      [],
    ])
    cache.set(pod('a', 8, ['z']))
    expect([
      names(cache.byIndex('claim', 'y')),
      names(cache.byIndex('claim', 'x')),
      names(cache.byIndex('claim', 'z')),
    ]).toEqual([['b'], [], ['a']])
    cache.remove(pod('b', 9))
    expect([names(cache.byIndex('claim', 'y')), cache.resourceVersion, cache.size]).toEqual([[], '9', 1])
    expect(() => cache.byIndex('owner', 'x')).toThrow('no index owner')
  })

  test('a list tells listeners only what differs', () => {
    const cache = new Cache({ kind: Pod })
    const heard: string[] = []
    cache.onChange((object, old) =>
      heard.push(`${old?.metadata.resourceVersion ?? '-'}→${object?.metadata.resourceVersion ?? '-'}`),
    )
    cache.replace([pod('a', 1), pod('b', 2), pod('c', 3)], '3')
    heard.length = 0
    cache.replace([pod('a', 1), pod('b', 5)], '6')
    expect(heard).toEqual(['3→-', '2→5'])
  })

  test('never goes back to an older object', () => {
    const cache = new Cache({ kind: Pod })
    cache.set(pod('a', 100))
    cache.set(pod('a', 99))
    expect(cache.get('vision/a')?.metadata.resourceVersion).toBe('100')
  })

  test('holds what it is projected to', () => {
    const cache = new Cache({
      kind: Pod,
      project: ({ apiVersion, kind, metadata }) => ({ apiVersion, kind, metadata }),
    })
    cache.set(pod('a', 1, ['x']))
    expect(cache.get('vision/a')).not.toHaveProperty('claims')
  })

  test('an index that can not read an object does not find it, and says so', () => {
    const said: string[] = []
    const broken = (object: KubeObject) => [(object as { spec?: { name: string } } & KubeObject).spec!.name]
    const cache = new Cache({ kind: Pod, indexes: { broken } }, (_, index, { metadata }) =>
      said.push(`${index} ${metadata.name}`),
    )
    cache.set(pod('a', 1))
    expect([cache.size, said]).toEqual([1, ['broken a']])
  })

  test('is synced after the first list', async () => {
    const cache = new Cache({ kind: Pod })
    expect(cache.isSynced).toBe(false)
    cache.replace([], '1')
    await cache.synced
    expect(cache.isSynced).toBe(true)
  })

  test('its indexes are what the objects say, after whatever changes', () => {
    const change = fc.record({
      name: fc.constantFrom('a', 'b', 'c'),
      gone: fc.boolean(),
      claims: fc.subarray(['x', 'y', 'z']),
    })
    fc.assert(
      fc.property(fc.array(change), (changes) => {
        const cache = new Cache({ kind: Pod, indexes: { claim: claims } })
        for (const [i, { name, gone, claims: held }] of changes.entries()) {
          if (gone) cache.remove(pod(name, i + 1))
          else cache.set(pod(name, i + 1, held))
        }
        for (const claim of ['x', 'y', 'z']) {
          expect(names(cache.byIndex('claim', claim))).toEqual(
            names(cache.list().filter((object) => claims(object).includes(claim))),
          )
        }
      }),
    )
  })
})

test('versions compare as numbers of any length', () => {
  expect(compareVersions('9', '10')).toBeLessThan(0)
  expect(compareVersions('18446744073709551616', '18446744073709551615')).toBeGreaterThan(0)
  expect(compareVersions('12', '12')).toBe(0)
})

describe('expectations', () => {
  const setUp = () => {
    const cache = new Cache({ kind: Pod })
    cache.replace([pod('a', 1)], '5')
    const clock = { now: 0 }
    return { cache, clock, expectations: new Expectations(new Map([['pods', cache]]), () => clock.now) }
  }

  test('a key waits until the caches have what was written for it', () => {
    const { cache, expectations } = setUp()
    expectations.wrote('vision/x', [pod('a', 8)])
    expect([expectations.met('vision/x'), expectations.met('vision/other')]).toEqual([false, true])
    cache.set(pod('a', 8))
    expect(expectations.met('vision/x')).toBe(true)
  })

  test('a later event or bookmark of the kind will do: what was written may be gone', () => {
    const { cache, expectations } = setUp()
    expectations.wrote('vision/x', [pod('new', 8)])
    cache.bookmark('7')
    expect(expectations.met('vision/x')).toBe(false)
    cache.bookmark('9')
    expect(expectations.met('vision/x')).toBe(true)
  })

  test('a write that changed nothing, and one of a kind that no cache holds, are not waited for', () => {
    const { expectations } = setUp()
    expectations.wrote('vision/x', [pod('a', 1), { ...pod('j', 99), kind: 'Job', apiVersion: 'batch/v1' }])
    expect(expectations.met('vision/x')).toBe(true)
  })

  test('patience ends', () => {
    const { clock, expectations } = setUp()
    expectations.wrote('vision/x', [pod('a', 8)])
    clock.now = 20_000
    expect(expectations.met('vision/x')).toBe(false)
    clock.now = 40_000
    expect(expectations.met('vision/x')).toBe(true)
  })
})
