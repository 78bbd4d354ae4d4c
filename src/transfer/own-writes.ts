import { joinEntries } from '../manifest/diff.ts'
import type { ListedObject } from '../stores/object-store.ts'
import { listed, type Mirroring, type There } from './mirror-plan.ts'
import { sourceListing } from './source-listing.ts'

/** Beyond so many the next look at the source reads it anew, rather than this costing memory. */
const most = 250_000

/** What a mirror changed at the Dataset's own source: enough to tell afterwards whether anybody else did as well. */
export class OwnWrites {
  readonly #written = new Map<string, { old: There | undefined; etag: string | undefined }>()
  readonly #removed: There[] = []

  wrote(path: string, old: There | undefined, etag: string | undefined): void {
    if (this.#written.size <= most) this.#written.set(path, { old, etag })
  }

  /** In the order of the listing. */
  removed(object: There): void {
    if (this.#removed.length <= most) this.#removed.push(object)
  }

  /**
   * The fingerprint of the source as it is now, if it differs from the listing `before` by these writes alone; undefined if somebody else wrote there
   * meanwhile, or if it can't be told. Reads the listing once more.
   */
  async fingerprint(mirroring: Mirroring, before: string, signal: AbortSignal): Promise<string | undefined> {
    if (mirroring.source === undefined || this.#written.size > most || this.#removed.length > most) return undefined
    const was = sourceListing(mirroring.prefix, mirroring.source)
    const is = sourceListing(mirroring.prefix, mirroring.source)
    const removed = this.#removed
    async function* gone(): AsyncGenerator<There> {
      yield* removed
    }
    let found = 0
    for await (const { a: now, b: old } of joinEntries(listed(mirroring, signal), gone())) {
      if (now === undefined) {
        was.add(old as ListedObject)
        continue
      }
      const own = this.#written.get(now.p)
      if (old !== undefined || (own !== undefined && (own.etag === undefined || own.etag !== now.etag)))
        return undefined
      if (own !== undefined) found++
      const then = own === undefined ? now : own.old
      if (then !== undefined) was.add(then)
      is.add(now)
    }
    return found === this.#written.size && was.digest() === before ? is.digest() : undefined
  }
}
