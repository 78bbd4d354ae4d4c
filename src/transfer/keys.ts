import { NestingGuard, pathProblem } from '../manifest/paths.ts'
import type { Filter } from './filter.ts'
import { LookAlikes } from './look-alikes.ts'

/** What becomes of one key of a listing. */
export type Verdict =
  | { kind: 'file'; path: string }
  /** The prefix itself, or an empty `dir/` that a console made. */
  | { kind: 'skipped' }
  /** The filters don't want it. */
  | { kind: 'excluded' }
  /** No volume can hold it; `problem` follows the key in a sentence. */
  | { kind: 'invalid'; problem: string }

/** How many keys are named. */
const mostNamed = 5

/**
 * Says of every key of a sorted listing what becomes of it (protocols.md 2, "Keys"). Memory is bounded by the depth of the paths, and by what
 * LookAlikes keeps.
 */
export class KeyRules {
  readonly #prefix: string
  readonly #wanted: Filter
  readonly #nesting = new NestingGuard()
  readonly #lookAlikes = new LookAlikes()
  /** Keys that were skipped. */
  skipped = 0
  /** Keys that can't be files, and the first few of them. */
  invalid = 0
  readonly named: { key: string; problem: string }[] = []

  constructor(prefix: string, wanted: Filter) {
    this.#prefix = prefix
    this.#wanted = wanted
  }

  /** Names that differ only by case or normalization, as sentences. */
  get warnings(): string[] {
    return this.#lookAlikes.found
  }

  judge(key: string, size: number): Verdict {
    const path = key.slice(this.#prefix.length)
    if (path === '' || (size === 0 && path.endsWith('/') && !this.#strange(path.slice(0, -1)))) {
      this.skipped++
      return { kind: 'skipped' }
    }
    if (!this.#wanted(path)) return { kind: 'excluded' }
    const problem = path.endsWith('/') && size > 0 ? 'ends in a slash and has bytes' : pathProblem(path)
    if (problem !== undefined) return this.#refuse(key, problem)
    const file = this.#nesting.add(path)
    if (file !== undefined) return this.#refuse(this.#prefix + file, 'is a file and a directory at once')
    this.#lookAlikes.add(path)
    return { kind: 'file', path }
  }

  /** An empty `a/../` is no marker that anybody meant. */
  #strange(path: string): boolean {
    return pathProblem(path) !== undefined
  }

  #refuse(key: string, problem: string): Verdict {
    this.invalid++
    if (this.named.length < mostNamed && !this.named.some((named) => named.key === key))
      this.named.push({ key, problem })
    return { kind: 'invalid', problem }
  }
}
