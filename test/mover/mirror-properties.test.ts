import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { MoveFailure } from '../../src/mover/failure.ts'
import { mirror } from '../../src/mover/mirror.ts'
import { summarize } from '../../src/transfer/source.ts'
import { memoryStore } from '../helpers/memory-store.ts'
import { at, moveDeps } from '../helpers/move-deps.ts'
import { storeVersion } from '../helpers/stored-version.ts'

const prefix = 'team/set/'
const files = (): fc.Arbitrary<Record<string, string>> =>
  fc.dictionary(fc.constantFrom('a', 'b', 'c', 'd/e', 'x.tmp'), fc.constantFrom('1', '2', '3'))

/** Who wrote what: the source as it was imported, as it was last written back to, and what lies there now, which may be anything. */
const scene = fc.record({
  imported: files(),
  previous: fc.option(files(), { nil: undefined }),
  there: files(),
  version: files(),
  prune: fc.boolean(),
  overwrite: fc.boolean(),
})

const contents = (objects: Map<string, Buffer>) =>
  Object.fromEntries([...objects].map(([key, bytes]) => [key.slice('raw/'.length), bytes.toString()]).sort())

test('a conflict writes nothing; what nobody knows is replaced only if asked; a fingerprint hides nothing of others', async () => {
  const rules = { exclude: ['*.tmp'] }
  await fc.assert(
    fc.asyncProperty(scene, async ({ imported, previous, there, version, prune, overwrite }) => {
      const [store, destination] = [memoryStore(), memoryStore('memory://there')]
      for (const [path, text] of Object.entries(there)) await destination.put(`raw/${path}`, Buffer.from(text))
      const save = (n: number, of: Record<string, string>) => storeVersion(store, prefix, n, of)
      const [one, two, three] = [await save(1, imported), previous && (await save(2, previous)), await save(3, version)]
      const before = contents(destination.objects)
      const isKnown = (path: string, text: string) =>
        [imported[path], previous?.[path], version[path]].some((known) => known === text)
      const strange = Object.entries<string>(before).filter(([path, text]) => !isKnown(path, text))
      const run = mirror(moveDeps({ store, there: destination }, '').deps, {
        op: 'Mirror',
        store: at('store', prefix),
        version: three,
        destination: at('there', 'raw/'),
        prune,
        onConflict: overwrite ? 'Overwrite' : 'Fail',
        ...(two && { previous: two }),
        ownSource: { imported: one, referred: false, ...rules },
      })
      const done = await run.catch((error: unknown) => error as MoveFailure)
      const after = contents(destination.objects)
      const inTheWay = strange.filter(([path]) => version[path] !== undefined)
      if (done instanceof Error) {
        expect(done).toMatchObject({ reason: 'DestinationChanged' })
        expect([overwrite, inTheWay.length > 0]).toEqual([false, true])
        expect(after).toEqual(before)
        return
      }
      if (!overwrite) expect(inTheWay).toEqual([])
      expect(after).toMatchObject(version)
      const left = Object.keys(before).filter((path) => version[path] === undefined)
      // What looks leave out is nobody's to delete; all else goes with prune, and stays without.
      const stays = left.filter((path) => !prune || path.endsWith('.tmp'))
      expect(Object.keys(after).sort()).toEqual([...Object.keys(version), ...stays].sort())
      const others = strange.some(([path]) => version[path] === undefined && !path.endsWith('.tmp'))
      const signal = new AbortController().signal
      const look = await summarize(
        { store: destination, prefix: 'raw/', rules: { ...rules, allowEmpty: true } },
        { signal },
      )
      expect(done.fingerprint).toBe(others && !prune ? undefined : look.fingerprint)
    }),
    { numRuns: 150 },
  )
})
