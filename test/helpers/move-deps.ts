import { pino } from 'pino'
import type { MoveLocation } from '../../src/api/move.ts'
import type { MoveDeps } from '../../src/mover/deps.ts'
import type { ObjectStore } from '../../src/stores/object-store.ts'

/** A location whose store is found by its name. */
export const at = (name: string, prefix: string): MoveLocation => ({
  name,
  s3: { bucket: name },
  prefix,
  credentials: 'Files',
})

/** What an operation needs, over given stores and a directory; `counted` is what it said of its progress. */
export const moveDeps = (stores: Record<string, ObjectStore>, data: string, signal = new AbortController().signal) => {
  const counted = { files: 0, bytes: 0 }
  const deps: MoveDeps = {
    openStore: async ({ name }) => {
      const store = stores[name]
      if (store === undefined) throw new Error(`no store ${name}`)
      return store
    },
    data,
    progress: {
      expect: () => {},
      files: (n) => {
        counted.files += n
      },
      bytes: (n) => {
        counted.bytes += n
      },
    },
    log: pino({ level: 'silent' }),
    signal,
  }
  return { deps, counted }
}
