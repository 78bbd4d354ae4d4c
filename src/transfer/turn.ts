import { randomUUID } from 'node:crypto'
import { z } from 'zod'
import { turnKey } from '../manifest/keys.ts'
import { MoveFailure } from '../mover/failure.ts'
import type { ObjectStore } from '../stores/object-store.ts'
import { type Condition, conditionally, failedAs, putIf } from './conditional.ts'
import { findJournals } from './journal.ts'
import { readSmall } from './read-small.ts'

/** uploads/v<N>/turn.json: which attempt may write under the number, and since when one may be about to commit. */
const Mark = z.object({ attempt: z.int().min(1), id: z.string(), sealedAt: z.string().optional() })
type Mark = z.output<typeof Mark>

/** Whoever has said that it commits does so within this time, or not at all; ms. */
const commitWithin = 60_000
/**
 * After this long no commit is on its way any more, ms: its mover gives up within a minute, and what a dead mover has sent is answered or dropped by servers
 * and proxies within another (their usual limit for a request that stands still; a request of this size takes milliseconds).
 */
const sealedFor = 2 * commitWithin
/** How old the answer to "whose turn is it?" may be where nothing can be lost; ms. */
const lookEvery = 5_000
const mostTries = 5

export interface TurnPlace {
  store: ObjectStore
  /** The Dataset's directory. */
  prefix: string
  sequence: number
  /** ms since 1970 */
  now?: (() => number) | undefined
}

/** What is known of the object under a key; undefined: there is none. */
type There = { etag?: string } | undefined

const parseMark = (bytes: Buffer): Mark | undefined => {
  try {
    return Mark.parse(JSON.parse(bytes.toString()))
  } catch {
    return undefined
  }
}

/**
 * One attempt's right to write under a number. Two movers of one number may be alive at once: a pod that was deleted by force runs on, a node is cut
 * off. Then the last one that took its turn goes on, and the others stop. What holds even for a request that was on its way all the
 * time: an object is made only where none is; it is replaced only in the state that was seen while this attempt had the turn, so never after a later one took
 * it over; and nobody replaces anything while an earlier attempt may still commit.
 */
export class Turn {
  readonly #place: TurnPlace
  readonly #now: () => number
  #mark: Mark
  #etag: string | undefined
  #looked: number
  /** When this attempt said that it commits; ms. */
  #sealed: number | undefined

  private constructor(place: TurnPlace, mark: Mark, etag: string | undefined) {
    this.#place = place
    this.#now = place.now ?? Date.now
    this.#mark = mark
    this.#etag = etag
    this.#looked = this.#now()
  }

  /** Takes over from whoever had it. */
  static async take(place: TurnPlace, signal: AbortSignal): Promise<Turn> {
    const { store, prefix, sequence } = place
    const key = turnKey(prefix, sequence)
    for (let tries = 1; ; tries++) {
      const found = await readSmall(store, key, signal)
      const before = found && parseMark(found.bytes)
      const journals = before ? [] : (await findJournals(store, prefix, sequence, signal)).keys()
      const mark: Mark = {
        attempt: 1 + (before?.attempt ?? Math.max(0, ...journals)),
        id: randomUUID(),
        ...(before?.sealedAt === undefined ? {} : { sealedAt: before.sealedAt }),
      }
      try {
        const info = await putIf(store, key, bytesOf(mark), conditionOf(found?.info), { signal })
        return new Turn(place, mark, info.etag)
      } catch (error) {
        if (!failedAs(error, 'exists', 'changed', 'not-found') || tries === mostTries) throw error
      }
    }
  }

  /** Later than that of all attempts before. */
  get attempt(): number {
    return this.#mark.attempt
  }

  /** Fails if somebody else has the turn, or the version was committed and cleaned up behind. */
  async check(signal: AbortSignal): Promise<void> {
    const { store, prefix, sequence } = this.#place
    const found = await readSmall(store, turnKey(prefix, sequence), signal)
    if ((found && parseMark(found.bytes))?.id !== this.#mark.id) throw this.#superseded()
    this.#looked = this.#now()
  }

  #superseded(): MoveFailure {
    const message = `another mover has taken over the upload of v${this.#place.sequence}: this one stops`
    return new MoveFailure('Unreachable', message)
  }

  /**
   * Writes an object of the number; `there` is what was seen under its key since the turn was taken. `write` may be called again. What it finds in the way
   * is an earlier attempt's, and is replaced.
   */
  async place<T>(
    key: string,
    there: There,
    write: (condition: Condition) => Promise<T>,
    signal: AbortSignal,
  ): Promise<T> {
    const { store } = this.#place
    if (this.#now() - this.#looked > lookEvery) await this.check(signal)
    let known = there
    for (let tries = 1; ; tries++) {
      if (known !== undefined) await this.#mayReplace(key, signal)
      try {
        return await conditionally(store, key, conditionOf(known), write, signal)
      } catch (error) {
        if (!failedAs(error, 'exists', 'changed', 'not-found')) throw error
        const seen = await store.head(key, { signal })
        const isTheSame = (seen === undefined) === (known === undefined) && seen?.etag === known?.etag
        // It was not about the object: a file got shorter.
        if (isTheSame && failedAs(error, 'changed')) throw error
        await this.check(signal)
        if (isTheSame || tries === mostTries)
          throw new MoveFailure('Unreachable', `the upload of ${store.name}/${key} was disturbed: it is tried again`)
        known = seen
      }
    }
  }

  async #mayReplace(key: string, signal: AbortSignal): Promise<void> {
    // Behind the look at what is there: if it is still our turn, no later attempt's object was seen.
    await this.check(signal)
    const { sealedAt } = this.#mark
    if (sealedAt === undefined) return
    const free = Date.parse(sealedAt) + sealedFor
    if (this.#now() > free) return
    const { store, sequence } = this.#place
    throw new MoveFailure(
      'Unreachable',
      `an earlier attempt was about to commit v${sequence} when it was lost, so ${store.name}/${key} may not be replaced before ${new Date(free).toISOString()}: it is tried again`,
    )
  }

  /** All is stored, and the record comes next: says so, unless another attempt has taken over. Then there is a minute left for it. */
  async seal(signal: AbortSignal): Promise<void> {
    const { store, prefix, sequence } = this.#place
    // For stores that ignore conditions.
    await this.check(signal)
    const sealed = this.#now()
    const mark = { ...this.#mark, sealedAt: new Date(sealed).toISOString() }
    try {
      const condition = conditionOf({ ...(this.#etag === undefined ? {} : { etag: this.#etag }) })
      this.#etag = (await putIf(store, turnKey(prefix, sequence), bytesOf(mark), condition, { signal })).etag
    } catch (error) {
      if (failedAs(error, 'changed', 'not-found')) throw this.#superseded()
      throw error
    }
    this.#mark = mark
    this.#sealed = sealed
  }

  /** Right before the record is put. */
  checkInTime(): void {
    if (this.#sealed !== undefined && this.#now() - this.#sealed <= commitWithin) return
    throw new MoveFailure('Unreachable', `the commit of v${this.#place.sequence} took too long: it is tried again`)
  }
}

/**
 * Runs an attempt in its turn. What it fails of once another one has taken over (its journal gone, other objects in their place) is nothing but
 * that.
 */
export const inTurn = async <T>(
  place: TurnPlace,
  signal: AbortSignal,
  work: (turn: Turn) => Promise<T>,
): Promise<T> => {
  const turn = await Turn.take(place, signal)
  try {
    return await work(turn)
  } catch (error) {
    if (failedAs(error, 'not-found') || error instanceof MoveFailure) await turn.check(signal)
    throw error
  }
}

const bytesOf = (mark: Mark): Buffer => Buffer.from(JSON.stringify(mark))

const conditionOf = (there: There): Condition => {
  if (there === undefined) return { ifAbsent: true }
  return there.etag === undefined ? {} : { ifMatch: there.etag }
}
