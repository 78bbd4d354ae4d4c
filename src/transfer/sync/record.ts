import { createHash } from 'node:crypto'
import {
  appendFileSync,
  closeSync,
  fstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import { compareUtf8 } from '../../lib/utf8.ts'
import { contentLine } from '../../manifest/line.ts'
import type { Entry } from '../../manifest/types.ts'
import type { Known } from '../plan.ts'
import { forgottenLine, knownLine, type Line } from './record-lines.ts'
import { mergeLines } from './record-merge.ts'
import { knownOf, readLines, smallChunkBytes } from './record-read.ts'

/** What a record comes to. */
export interface Totals {
  files: number
  bytes: number
  /** The content digest, as manifests have it. */
  digest: string
}

/** Lines that are sorted in memory before they go to a file of their own. */
const runLength = 16_384
/** Characters that a crash may forget: their files are compared by their bytes then. */
const unwritten = 16 * 1024

const trailerMark = '#totals '
const trailerBytes = 256

const byPath = (a: Line, b: Line) => compareUtf8(a.p, b.p)

/**
 * What was written down of a destination and its source, in a directory of its own:
 *
 *     base      every path in order, and totals at its end; written as a whole, after the files were on the disk
 *     journal   what happened since, as it happened; after a crash of the machine it is forgotten, since the disk may not have all that it says
 *     run-<n>   sorted stretches of the journal, only while there is one
 */
export class SyncRecord {
  readonly #dir: string
  readonly #boot: string
  readonly #onDisk: () => Promise<void>
  #journal = ''
  #run: Line[] = []
  #runs = 0
  #changed = false

  /** `boot` names this start of the machine; `onDisk` returns when the destination's files are on its disk. */
  constructor(dir: string, boot: string, onDisk: () => Promise<void>) {
    this.#dir = dir
    this.#boot = boot
    this.#onDisk = onDisk
  }

  /** Makes the directory for a record; fails where it could not be written to. */
  static makeDirectory(dir: string): string {
    mkdirSync(dir, { recursive: true, mode: 0o700 })
    return dir
  }

  /** Takes over what a run that was killed wrote down. */
  async open(): Promise<void> {
    for (const name of readdirSync(this.#dir))
      if (name.startsWith('run-') || name === 'base.new') rmSync(this.#file(name))
    await this.#recover()
  }

  #file(name: string): string {
    return join(this.#dir, name)
  }

  async #recover(): Promise<void> {
    let first = true
    for await (const batch of readLines(this.#file('journal'))) {
      if (first && batch[0]?.p !== this.#boot) break
      for (const line of first ? batch.slice(1) : batch) this.#sort(line)
      first = false
    }
    if (this.#changed) await this.#rewrite()
    rmSync(this.#file('journal'), { force: true })
    this.#begin()
  }

  /** What is known, in path order. */
  known(): AsyncIterable<Known[]> {
    return knownOf(readLines(this.#file('base')))
  }

  /** Of a path both sides have the same now, verified. */
  add(known: Known): void {
    this.#write(knownLine(known))
  }

  /** Nothing is known of the path any more. */
  forget(p: string): void {
    this.#write(forgottenLine(p))
  }

  #begin(): void {
    this.#journal = ''
    this.#run = []
    this.#runs = 0
    this.#changed = false
  }

  #write(line: Line): void {
    if (!this.#changed) this.#journal = `${forgottenLine(this.#boot).text}\n`
    this.#sort(line)
    this.#journal += `${line.text}\n`
    if (this.#journal.length >= unwritten) this.flush()
  }

  #sort(line: Line): void {
    this.#changed = true
    this.#run.push(line)
    if (this.#run.length >= runLength) this.#spill()
  }

  #spill(): void {
    const file = openSync(this.#file(`run-${this.#runs++}`), 'w', 0o600)
    try {
      for (let at = 0; at < this.#run.sort(byPath).length; at += 1000)
        writeSync(
          file,
          `${this.#run
            .slice(at, at + 1000)
            .map(({ text }) => text)
            .join('\n')}\n`,
        )
    } finally {
      closeSync(file)
    }
    this.#run = []
  }

  /** Hands the journal to the kernel: from now on it outlives this process. */
  flush(): void {
    if (this.#journal === '') return
    appendFileSync(this.#file('journal'), this.#journal, { mode: 0o600 })
    this.#journal = ''
  }

  /** Makes all that was written down the base for the next run. Returns what it comes to. */
  async finish(): Promise<Totals> {
    const before = this.#changed ? undefined : this.#readTotals()
    if (before !== undefined) return before
    this.flush()
    const totals = await this.#rewrite()
    rmSync(this.#file('journal'), { force: true })
    this.#begin()
    return totals
  }

  async #rewrite(): Promise<Totals> {
    await this.#onDisk()
    const rest = this.#run.sort(byPath)
    const runs = Array.from({ length: this.#runs }, (_, i) => readLines(this.#file(`run-${i}`), smallChunkBytes))
    const memory = (async function* () {
      if (rest.length > 0) yield rest
    })()
    const file = openSync(this.#file('base.new'), 'w', 0o600)
    const hash = createHash('sha256')
    const totals = { files: 0, bytes: 0 }
    try {
      for await (const batch of mergeLines([readLines(this.#file('base')), ...runs, memory])) {
        const lines = batch.filter(({ known }) => known !== undefined)
        if (lines.length === 0) continue
        let content = ''
        for (const { known } of lines) {
          content += `${contentLine(entryOf(known!))}\n`
          totals.files++
          totals.bytes += known!.size
        }
        hash.update(content)
        writeSync(file, `${lines.map(({ text }) => text).join('\n')}\n`)
      }
      const all = { ...totals, digest: hash.digest('hex') }
      writeSync(file, `${trailerMark}${JSON.stringify(all)}\n`)
      renameSync(this.#file('base.new'), this.#file('base'))
      for (let i = 0; i < this.#runs; i++) rmSync(this.#file(`run-${i}`))
      return all
    } finally {
      closeSync(file)
    }
  }

  /** From the end of the base; undefined: there is none. */
  #readTotals(): Totals | undefined {
    let file: number
    try {
      file = openSync(this.#file('base'), 'r')
    } catch {
      return undefined
    }
    try {
      const buffer = Buffer.alloc(trailerBytes)
      const { size } = fstatSync(file)
      const length = readSync(file, buffer, 0, trailerBytes, Math.max(0, size - trailerBytes))
      const text = buffer.subarray(0, length).toString()
      const at = text.lastIndexOf(trailerMark)
      return at < 0 ? undefined : (JSON.parse(text.slice(at + trailerMark.length)) as Totals)
    } finally {
      closeSync(file)
    }
  }
}

const entryOf = ({ p, size, h, x, l }: Known): Entry =>
  l === undefined ? { p, s: size, h, ...(x ? { x: 1 } : {}) } : { p, l }
