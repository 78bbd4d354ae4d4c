import { versionsPrefix } from '../../manifest/keys.ts'
import type { Root } from '../../manifest/types.ts'
import type { ObjectStore } from '../../stores/object-store.ts'
import { readCommit } from '../commit.ts'
import { fetchRoot } from '../manifest-store.ts'
import { numbersIn } from './numbers.ts'

export interface LivingVersion {
  sequence: number
  rootDigest: string
  root: Root
}

/**
 * The versions that have a commit record, tombstone or not, with their roots. A root that can't be read ends it: what nobody
 * can tell to be unreferenced stays. Without `withRoots` the roots are not read.
 */
export class Living {
  readonly versions = new Map<number, LivingVersion>()
  readonly #store: ObjectStore
  readonly #prefix: string
  readonly #signal: AbortSignal
  constructor(store: ObjectStore, prefix: string, signal: AbortSignal) {
    this.#store = store
    this.#prefix = prefix
    this.#signal = signal
  }

  /** Looks again; returns the versions that have come since. */
  async look(leaveOut: ReadonlySet<number> = new Set()): Promise<LivingVersion[]> {
    const come: LivingVersion[] = []
    for (const sequence of await numbersIn(this.#store, versionsPrefix(this.#prefix), this.#signal)) {
      if (this.versions.has(sequence) || leaveOut.has(sequence)) continue
      const record = await readCommit(this.#store, this.#prefix, sequence, this.#signal)
      if (record === undefined) continue
      const root = await fetchRoot(this.#store, this.#prefix, record.root, this.#signal)
      come.push({ sequence, rootDigest: record.root, root })
    }
    for (const version of come) this.versions.set(version.sequence, version)
    return come
  }
}
