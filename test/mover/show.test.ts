import { expect, test } from 'vitest'
import { show } from '../../src/mover/show.ts'
import { memoryStore } from '../helpers/memory-store.ts'
import { at, moveDeps } from '../helpers/move-deps.ts'
import { storeVersion } from '../helpers/stored-version.ts'

const prefix = 'team/digits/'
const hear = (deps: ReturnType<typeof moveDeps>['deps']) => {
  const shown: unknown[] = []
  const log = { info: (said: { shown?: unknown }) => void (said.shown !== undefined && shown.push(said.shown)) }
  return { shown, deps: { ...deps, log: log as never } }
}

test('the files at a path, and what changed, are said line by line', async () => {
  const store = memoryStore()
  const { shown, deps } = hear(moveDeps({ store }, '/nowhere').deps)
  const one = await storeVersion(store, prefix, 1, { a: '1', 'd/b': 'bb', 'd/l': { link: 'b' } })
  const two = await storeVersion(store, prefix, 2, { a: '2', 'd/b': 'bb', new: 'n' })
  const place = at('store', prefix)
  expect(await show(deps, { op: 'Show', what: 'Files', store: place, version: one, path: 'd/' })).toEqual({
    op: 'Show',
    outcome: 'Done',
    lines: 2,
  })
  expect(shown.splice(0)).toMatchObject([
    { path: 'd/b', size: 2 },
    { path: 'd/l', link: 'b' },
  ])
  const changes = await show(deps, { op: 'Show', what: 'Changes', store: place, version: one, to: two })
  expect(changes).toMatchObject({
    lines: 3,
    summary: { added: 1, removed: 1, changed: 1, shards: { read: 2, all: 2 } },
  })
  expect(shown).toMatchObject([
    { change: 'changed', path: 'a', before: { size: 1 }, after: { size: 1 } },
    { change: 'removed', path: 'd/l' },
    { change: 'added', path: 'new' },
  ])
})

test('two stores are compared; a record that is not there is nothing', async () => {
  const [store, other] = [memoryStore(), memoryStore('memory://other')]
  const { shown, deps } = hear(moveDeps({ store, other }, '/nowhere').deps)
  const version = await storeVersion(store, prefix, 1, { a: '1' })
  const to = await storeVersion(other, 'x/', 1, { a: '1', b: '' })
  const place = { store: at('store', prefix), other: at('other', 'x/') }
  expect(await show(deps, { op: 'Show', what: 'Changes', ...place, version, to })).toMatchObject({ lines: 1 })
  await show(deps, { op: 'Show', what: 'Record', store: place.store, version: { ...version, sequence: 9 } })
  expect(shown).toMatchObject([{ change: 'added', path: 'b' }, {}])
})
