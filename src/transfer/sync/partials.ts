import { createHash } from 'node:crypto'
import { appendFileSync, lstatSync, mkdirSync, readFileSync, rmdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { bootId } from './lock.ts'

/** A big file under way. */
export interface Partial {
  /** Where its bytes are until it is whole. */
  file: string
  /** Bytes at its beginning that an earlier run left there. */
  have: number
  /** Writes down that its beginning is there now, up to so many bytes. */
  whole(bytes: number): void
  /** Whether a later run finds something to go on from. */
  readonly worthKeeping: boolean
  /** It is finished, or of no use. */
  forget(): void
}

/**
 * Big files that were under way when a run was stopped or killed, for the next one to go on from. Beside each lies what it is the beginning of, and how
 * much of it is there: bytes that were written before that was, in the same start of the machine. After a crash of the machine nothing is taken for there.
 */
export class Partials {
  readonly #dir: string
  readonly #boot = bootId()

  constructor(dir: string) {
    this.#dir = dir
  }

  /** `state`: what tells the bytes that are to come from any others. What is there of another state is removed. */
  open(path: string, state: readonly unknown[]): Partial {
    mkdirSync(this.#dir, { recursive: true, mode: 0o700 })
    const file = join(this.#dir, createHash('sha256').update(path).digest('hex').slice(0, 32))
    const note = `${file}.state`
    const head = JSON.stringify([this.#boot, path, ...state])
    const have = this.#haveOf(file, note, head)
    const remove = () => {
      for (const each of [note, file]) rmSync(each, { force: true })
    }
    if (have === 0) {
      remove()
      writeFileSync(note, `${head}\n`, { mode: 0o600 })
    }
    let reached = have
    return {
      file,
      have,
      whole: (bytes) => {
        reached = bytes
        appendFileSync(note, `${bytes}\n`)
      },
      get worthKeeping() {
        return reached > 0
      },
      forget: remove,
    }
  }

  #haveOf(file: string, note: string, head: string): number {
    try {
      const [first, ...lines] = readFileSync(note, 'utf8').split('\n')
      // What stands behind the last line feed was not written to its end.
      const last = Number(lines.slice(0, -1).at(-1) ?? 0)
      const stats = lstatSync(file)
      return first === head && stats.isFile() && Number.isSafeInteger(last) && last <= stats.size ? last : 0
    } catch {
      return 0
    }
  }

  /** Removes the directory: with all that is there, or only if nothing is. */
  close(all: boolean): void {
    if (all) rmSync(this.#dir, { recursive: true, force: true })
    try {
      rmdirSync(this.#dir)
    } catch (error) {
      if (!['ENOENT', 'ENOTEMPTY', 'EEXIST'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error
    }
  }
}
