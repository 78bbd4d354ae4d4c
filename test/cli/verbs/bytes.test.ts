import { mkdtemp, readFile, readlink, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Dataset } from '../../../src/api/dataset.ts'
import type { DatasetVersion } from '../../../src/api/dataset-version.ts'
import * as kinds from '../../../src/api/kinds.ts'
import { annotations } from '../../../src/api/names.ts'
import { StoreError } from '../../../src/stores/object-store.ts'
import { memoryStore } from '../../helpers/memory-store.ts'
import type { ModelApi } from '../../helpers/model-api.ts'
import { storeVersion } from '../../helpers/stored-version.ts'
import { personAt, visionApi } from '../context.ts'

const prefix = 'granary/vision/mnist/'
const many = Object.fromEntries(Array.from({ length: 40_000 }, (_, i) => [`many/${String(i).padStart(6, '0')}`, 'x']))

describe('with the bytes in a store', () => {
  let api: ModelApi
  let store: ReturnType<typeof memoryStore>
  let dir: string

  const commit = async (name: string, sequence: number, files: Parameters<typeof storeVersion>[3]) => {
    const { root, digest } = await storeVersion(store, prefix, sequence, files)
    api.change<DatasetVersion>(kinds.DatasetVersion, 'vision', name, ({ status }) => {
      Object.assign(status!, { phase: 'Committed', rootDigest: root, digest })
    })
  }
  const type = (line: string) => personAt(api, { store }).type(line)

  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'granary-verbs-'))
    api = visionApi()
    store = memoryStore('s3://team')
    api.change<Dataset>(kinds.Dataset, 'vision', 'mnist', ({ status }) => {
      status!.store = { kind: 's3', bucket: 'team', prefix }
    })
    await commit('mnist-v1', 1, { a: '1', 'd/b': 'bb', 'd/run': { executable: '#!' }, gone: 'x', link: { link: 'a' } })
    await commit('mnist-v2', 2, { a: '2', 'd/b': 'bb', 'd/run': '#!', 'new file': 'n', link: { link: 'd/b' } })
  })
  afterEach(() => rm(dir, { recursive: true }))

  test('diff says what is new, other and gone', async () => {
    expect((await type('diff mnist:v1 mnist:v2')).out.replaceAll('\n\n', '\n').split('\n')).toEqual([
      '~ a  (1 B, other bytes)',
      '~ d/run  (not executable any more)',
      '- gone  (1 B)',
      '~ link  (→ a → → d/b)',
      '+ new file  (1 B)',
      '1 added, 3 changed, 1 removed, +0 B (read 2 of 2 shards)',
    ])
    const { summary, changes } = JSON.parse((await type('diff mnist:v2 mnist:v1 -o json')).out)
    expect(summary).toMatchObject({ added: 1, removed: 1, changed: 3 })
    expect(changes[0]).toMatchObject({ change: 'changed', path: 'a', before: { size: 1 }, after: { size: 1 } })
  })

  test('equal digests need no store, and shards that both have are not read', async () => {
    expect((await personAt(api).type('diff mnist:v1 mnist:prod')).out).toBe('The same content.')
    await commit('mnist-v1', 1, many)
    await commit('mnist-v2', 2, { ...many, 'many/000003': 'y' })
    const { summary } = JSON.parse((await type('diff mnist:v1 mnist:v2 -o json')).out)
    expect(summary).toMatchObject({ added: 0, removed: 0, changed: 1 })
    expect(summary.shards.read).toBe(2)
    expect(summary.shards.all).toBeGreaterThan(3)
  }, 60_000)

  test('files are listed, printed and fetched', async () => {
    expect((await type('files list mnist:v1 d')).out.split('\n').filter((line) => line !== '')).toEqual([
      expect.stringMatching(/^ +2 {2}[0-9a-f]{12} {2}d\/b$/),
      expect.stringMatching(/^ +2 {2}[0-9a-f]{12} {2}d\/run\*$/),
    ])
    expect(JSON.parse((await type('files list mnist:v1 -o json')).out)).toHaveLength(5)
    expect((await type('files cat mnist:v1 d/b')).out).toBe('bb')
    expect((await type(`files get mnist:v1 d ${dir}/out`)).out).toBe('2 files, 4 B')
    expect(await readFile(join(dir, 'out/run'), 'utf8')).toBe('#!')
    expect((await stat(join(dir, 'out/run'))).mode & 0o111).not.toBe(0)
    await type(`files get mnist:v1 a ${dir}/one`)
    expect(await readFile(join(dir, 'one'), 'utf8')).toBe('1')
    await type(`files get mnist:v1 link ${dir}/link`)
    expect(await readlink(join(dir, 'link'))).toBe('a')
  })

  test.each([
    ['files cat mnist:v1 nothing', 3, /there is no file nothing/],
    ['files cat mnist:v1 link', 1, /link is a symlink to a/],
    ['files cat mnist:v3 a', 5, /mnist:v3 is Running, not committed/],
    ['files get mnist:v1 nothing', 3, /there is nothing at nothing in vision\/mnist:v1/],
  ])('%s ends with %i', async (line, code, sentence) => {
    const told = await type(line)
    expect([told.code, told.notes]).toEqual([code, expect.stringMatching(sentence)])
  })

  test('damage is no silent success, and leaves no file', async () => {
    store.objects.get(`${prefix}data/v1/d/b`)![0]! ^= 1
    const told = await type('files cat mnist:v1 d/b')
    expect([told.code, told.notes]).toEqual([8, expect.stringContaining('another sha256')])
    expect((await type(`files get mnist:v1 d/b ${dir}/b`)).code).toBe(8)
    await expect(stat(join(dir, 'b'))).rejects.toThrow('ENOENT')
  })

  test('without credentials it says which variables are meant', async () => {
    store.get = async () => {
      throw new StoreError('no-credentials', 'there are none')
    }
    const told = await type('files list mnist:v1')
    expect([told.code, told.notes]).toEqual([4, expect.stringContaining('AWS_ACCESS_KEY_ID')])
  })
})

describe('verify', () => {
  const request = (api: ModelApi) =>
    api.find(kinds.DatasetVersion, 'vision', 'mnist-v2')?.metadata.annotations?.[annotations.verifyRequestedAt]

  test.each([
    ['verify mnist', 'full'],
    ['verify mnist --fast', 'fast'],
    ['verify mnist --subset 3/10', '3/10'],
    ['verify mnist:v2 --claim mnist-v2', 'claim/mnist-v2'],
  ])('%s asks for %s', async (line, how) => {
    const api = visionApi()
    expect((await personAt(api).type(line)).code).toBe(0)
    expect(request(api)).toBe(`2026-01-01T00:00:00.000Z ${how}`)
  })

  test('a subset that makes no sense is not asked for', async () => {
    const api = visionApi()
    expect((await personAt(api).type('verify mnist --subset 11/10')).code).toBe(2)
    expect(request(api)).toBeUndefined()
  })

  test.each([
    ['Sound', 0, /all as the manifest says/],
    ['Bad', 8, /not verified: Bad/],
  ])('with --wait, %s ends with %i', async (result, code, sentence) => {
    const api = visionApi()
    const each = () =>
      api.change<DatasetVersion>(kinds.DatasetVersion, 'vision', 'mnist-v2', ({ status }) => {
        const message = 'all as the manifest says'
        const at = { lastTransitionTime: '2026-01-01T00:00:00Z' }
        Object.assign(status!, {
          lastVerification: { request: request(api), result, finishedAt: '2026-01-01T00:00:01Z' },
          conditions: [{ ...at, type: 'Verified', status: 'True', reason: 'Verified', message }],
        })
      })
    const told = await personAt(api, { each }).type('verify mnist --wait')
    expect([told.code, told.out + told.notes]).toEqual([code, expect.stringMatching(sentence)])
  })
})
