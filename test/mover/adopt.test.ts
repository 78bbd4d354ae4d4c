import { expect, test } from 'vitest'
import { runAdopt } from '../../src/mover/adopt.ts'
import { claimDirectory, commit } from '../../src/transfer/commit.ts'
import { memoryStore } from '../helpers/memory-store.ts'
import { at, moveDeps } from '../helpers/move-deps.ts'

const prefix = 'granary/vision/mnist/'
const first = { namespace: 'vision', name: 'mnist', uid: 'first' }
const again = { ...first, uid: 'again' }

const record = (sequence: number) => ({
  layout: 1 as const,
  dataset: first,
  sequence,
  root: 'd'.repeat(64),
  digest: 'a'.repeat(64),
  files: 1,
  bytes: 1,
  createdAt: '2026-01-01T00:00:00Z',
})

const world = () => {
  const store = memoryStore()
  const { deps } = moveDeps({ store }, '/nowhere')
  const look = (dataset: typeof first & { adopt?: boolean }, before?: number) =>
    runAdopt(deps, { op: 'Adopt', dataset, store: at('store', prefix), ...(before === undefined ? {} : { before }) })
  return { store, look }
}

test('an empty directory is free, and looking at it claims nothing', async () => {
  const { store, look } = world()
  expect(await look(first)).toEqual({ op: 'Adopt', outcome: 'Done', versions: [], more: false })
  expect(store.writes).toEqual([])
  expect(await look(again)).toMatchObject({ outcome: 'Done' })
})

test("another Dataset's directory is taken over only if that is allowed, newest first, page by page", async () => {
  const { store, look } = world()
  await claimDirectory(store, prefix, first, () => new Date(0))
  for (let n = 1; n <= 12; n++) await commit(store, prefix, record(n))
  await expect(look(again)).rejects.toMatchObject({ reason: 'AdoptionRequired' })
  const page = await look({ ...again, adopt: true })
  expect(page.versions.map(({ n }) => n)).toEqual([12, 11, 10, 9, 8, 7, 6, 5, 4, 3].slice(0, page.versions.length))
  expect(page.more).toBe(true)
  const rest = await look({ ...again, adopt: true }, page.versions.at(-1)?.n)
  expect([...page.versions, ...rest.versions].map(({ n }) => n)).toEqual([12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1])
  expect(rest.more).toBe(false)
  expect(await look(again)).toMatchObject({ outcome: 'Done' })
})
