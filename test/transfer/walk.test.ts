import { execFileSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { compareUtf8 } from '../../src/lib/utf8.ts'
import { walk } from '../../src/transfer/walk.ts'
import { collect } from '../helpers/memory-sink.ts'
import { plant, temporaryDir } from '../helpers/tree.ts'

const paths = async (dir: string, options = {}) => (await collect(walk(dir, options))).map(({ p }) => p)

test('the order is that of the bytes of whole paths', async () => {
  const dir = await temporaryDir()
  const names = ['a/b', 'a-b', 'a-b-c/d', 'a.x', 'a0', 'a/-', 'é', '\u{ff5e}', '😀', 'ab/c', 'z/y/x/w', 'z/y-', 'z/y0']
  await plant(dir, Object.fromEntries(names.map((name) => [name, name])))
  expect(await paths(dir)).toEqual(names.toSorted(compareUtf8))
})

test('the order holds for any tree', async () => {
  const dir = await temporaryDir()
  const segment = fc.string({
    unit: fc.constantFrom('a', '-', '.x', '0', 'é', '😀', '\u{ff5e}'),
    minLength: 1,
    maxLength: 3,
  })
  const path = fc.array(segment, { minLength: 1, maxLength: 3 }).map((parts) => parts.join('/'))
  let round = 0
  await fc.assert(
    fc.asyncProperty(fc.uniqueArray(path, { maxLength: 25 }), async (all) => {
      const root = `${dir}/${round++}`
      await mkdir(root)
      const files = all.filter((p) => !all.some((other) => other !== p && other.startsWith(`${p}/`)))
      await plant(root, Object.fromEntries(files.map((p) => [p, ''])))
      expect(await paths(root)).toEqual(files.toSorted(compareUtf8))
    }),
    { numRuns: 40 },
  )
})

test('what is found: kinds, modes, targets; lost+found and the ignored name are left out at the root only', async () => {
  const dir = await temporaryDir()
  await plant(dir, {
    'lost+found/x': '',
    'skip/x': '',
    'd/lost+found/y': '',
    'd/skip': 'abc',
    l: { link: '../../etc' },
    run: { executable: '!' },
  })
  execFileSync('mkfifo', [`${dir}/pipe`])
  writeFileSync(Buffer.concat([Buffer.from(`${dir}/`), Buffer.from([0x62, 0xff])]), '')
  const found = await collect(walk(dir, { ignore: 'skip' }))
  expect(found).toMatchObject([
    { p: 'b\u{fffd}', kind: 'other', what: 'is a name that is not UTF-8' },
    { p: 'd/lost+found/y', kind: 'file', size: 0, executable: false },
    { p: 'd/skip', kind: 'file', size: 3 },
    { p: 'l', kind: 'link', target: '../../etc' },
    { p: 'pipe', kind: 'other', what: 'is a named pipe' },
    { p: 'run', kind: 'file', executable: true },
  ])
})

test('more names than are looked at in one go', async () => {
  const dir = await temporaryDir()
  const names = Array.from({ length: 300 }, (_, i) => `n${i}${i % 7 === 0 ? '/x' : ''}`)
  await plant(dir, Object.fromEntries(names.map((name) => [name, ''])))
  expect(await paths(dir)).toEqual(names.toSorted(compareUtf8))
})
