import { hash } from 'node:crypto'
import type { Logger } from 'pino'

export interface Finding {
  path: string
  problem: string
}

/** Bad files told by name; beyond that many the log only counts. */
const mostLogged = 1000
const mostKept = 5

/** What a verification finds: counts, and the first bad files by name. */
export class Findings {
  files = 0
  bytes = 0
  bad = 0
  readonly first: Finding[] = []
  readonly #log: Pick<Logger, 'warn'>
  constructor(log: Pick<Logger, 'warn'>) {
    this.#log = log
  }

  seen(bytes: number): void {
    this.files++
    this.bytes += bytes
  }

  add(path: string, problem: string): void {
    this.bad++
    if (this.first.length < mostKept) this.first.push({ path, problem })
    if (this.bad <= mostLogged) this.#log.warn({ path }, `${path} ${problem}`)
  }
}

/** Whether a path falls into the n-th of `of` equal parts; the parts of a version are the same each time. */
export const inPart = (path: string, part: { n: number; of: number } | undefined): boolean =>
  part === undefined || Number.parseInt(hash('sha256', path).slice(0, 8), 16) % part.of === part.n - 1
