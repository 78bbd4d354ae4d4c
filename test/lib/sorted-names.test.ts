import { writeFileSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { sortedNames } from '../../src/lib/sorted-names.ts'
import { temporaryDir } from '../helpers/tree.ts'

const batches = async (dir: string, limit?: number, keep?: (name: string) => boolean): Promise<string[][]> => {
  const all: string[][] = []
  for await (const names of sortedNames(dir, keep, limit)) all.push(names)
  return all
}

test('any names come in the order of their bytes, each once, and never more of them at a time than asked for', async () => {
  const name = fc
    .uint8Array({ minLength: 1, maxLength: 4 })
    .filter((bytes) => !bytes.includes(0) && !bytes.includes(0x2f))
    .map((bytes) => Buffer.from(bytes).toString('latin1'))
    .filter((text) => text !== '.' && text !== '..')
  const property = fc.asyncProperty(
    fc.uniqueArray(name, { maxLength: 30 }),
    fc.integer({ min: 1, max: 12 }),
    async (names, limit) => {
      const dir = await temporaryDir()
      for (const each of names) writeFileSync(Buffer.concat([Buffer.from(`${dir}/`), Buffer.from(each, 'latin1')]), '')
      const found = await batches(dir, limit)
      expect(found.flat()).toEqual([...names].sort())
      for (const batch of found.slice(0, -1)) expect(batch.length).toBe(limit)
      expect(found.at(-1)!.length).toBeLessThan(2 * limit)
      await rm(dir, { recursive: true })
    },
  )
  await fc.assert(property, { numRuns: 40 })
})

test('names are chosen before they are held; those that come meanwhile may, those before the place do not', async () => {
  const dir = await temporaryDir()
  for (const each of 'abcdefgh') writeFileSync(join(dir, each), '')
  expect((await batches(dir, 3, (each) => each > 'c')).flat()).toEqual([...'defgh'])
  const seen: string[] = []
  for await (const names of sortedNames(dir, undefined, 3)) {
    seen.push(...names)
    writeFileSync(join(dir, 'a0'), '')
    writeFileSync(join(dir, 'z'), '')
  }
  expect(seen).toEqual([...'abcdefghz'])
  await expect(batches(join(dir, 'none'))).rejects.toMatchObject({ code: 'ENOENT' })
})
