import { describe, expect, test } from 'vitest'
import { resolveSource } from '../../src/desired/source.ts'
import { unpackTexts } from '../../src/lib/packed-texts.ts'

const context = { uid: 'uid-1', providers: [], allowHostPath: ['/mnt/data'] }
const sha256 = 'a'.repeat(64)
/** What a pod's annotations may have together is 256 KiB. */
const annotations = 256 * 1024

const mountOf = (resolution: ReturnType<typeof resolveSource>): string => {
  if (!('location' in resolution)) throw new Error(resolution.message)
  const { mount } = resolution.location
  return mount !== undefined && 'document' in mount ? mount.document : ''
}

describe('texts in the spec', () => {
  test('128 KiB of them fit into an annotation, whatever they are', () => {
    for (const character of ['"', '\n', 'x', '\\', 'é']) {
      const room = Math.floor((128 * 1024 - 10) / Buffer.byteLength(character))
      const files = { 'labels.txt': character.repeat(room) }
      const document = mountOf(resolveSource({ inline: { files } }, context))
      expect(Buffer.byteLength(document)).toBeLessThan(annotations - 32 * 1024)
      expect(Object.fromEntries(unpackTexts(document) ?? [])).toEqual(files)
    }
  })

  test('256 files of them, too', () => {
    const files = Object.fromEntries(Array.from({ length: 256 }, (_, i) => [`d/${i}.json`, '{"a":"b"}\n'.repeat(50)]))
    expect(Buffer.byteLength(mountOf(resolveSource({ inline: { files } }, context)))).toBeLessThan(annotations)
  })

  test('more is refused before a pod is made, by bytes and not by characters', () => {
    expect(resolveSource({ inline: { files: { a: 'é'.repeat(70_000) } } }, context)).toMatchObject({
      reason: 'InvalidSpec',
      message: expect.stringContaining('140001 bytes, and may have 131072: put bigger data into'),
    })
  })
})

describe('public files', () => {
  const file = (url: string, path = 'a') => ({ url, path, sha256 })
  const http = (...files: ReturnType<typeof file>[]) => resolveSource({ http: { files } }, context)

  test('as many as the schema takes fit into an annotation, or are refused by a sentence', () => {
    const files = (length: number, character = 'x') =>
      Array.from({ length: 256 }, (_, i) => file(`https://a/${character.repeat(length)}`, `${i}`))
    expect(Buffer.byteLength(mountOf(http(...files(600))))).toBeLessThan(annotations - 32 * 1024)
    expect(http(...files(600, 'é'))).toMatchObject({
      reason: 'InvalidSpec',
      message: expect.stringMatching(/has \d+ bytes of urls.*make two Datasets/),
    })
  })

  test.each([
    ['a user name', [file('https://me:secret@a/b')], 'user name'],
    ['a path twice', [file('https://a/b'), file('https://a/c')], 'names a twice'],
  ])('%s is refused, and nothing of it said again', (_, files, sentence) => {
    const refused = http(...files)
    expect(refused).toMatchObject({ reason: 'InvalidSpec', message: expect.stringContaining(sentence) })
    expect(JSON.stringify(refused)).not.toContain('secret')
  })
})

test('a directory of the nodes is reached from the allowed prefix on; any other is refused', () => {
  expect(resolveSource({ hostPath: { path: '/mnt/data/set' } }, context)).toMatchObject({
    location: { directory: { kind: 'hostPath' }, prefix: 'set/' },
  })
  expect(resolveSource({ hostPath: { path: '/mnt/database' } }, context)).toMatchObject({
    reason: 'HostPathNotAllowed',
  })
})
