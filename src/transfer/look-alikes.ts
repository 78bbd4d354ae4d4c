/** Names kept at once. Beyond it a directory is so wide that the report is left incomplete rather than memory filled. */
const mostKept = 100_000
/** Pairs that are reported. */
const mostReported = 5

const plain = /^[\x20-\x40\x5b-\x7e]*$/

const folded = (name: string): string => name.normalize('NFC').toLowerCase().normalize('NFC')

interface Level {
  segment: string
  /** Folded names of this directory and how they are really written. */
  names: Map<string, string>
}

/**
 * Finds names that differ only by case or by Unicode normalization: one of them would be lost on a volume that doesn't tell them apart.
 * Paths come sorted, so only the directories on the way to the current one are kept. Plain lower-case names are looked up, not kept: of two
 * names that differ by case, the one with the capital sorts first.
 */
export class LookAlikes {
  readonly #root: Level = { segment: '', names: new Map() }
  #open: Level[] = []
  #kept = 0
  /** Sentences, a few at most. */
  readonly found: string[] = []

  add(path: string): void {
    const segments = path.split('/')
    let depth = 0
    while (depth < this.#open.length && depth < segments.length - 1 && this.#open[depth]!.segment === segments[depth])
      depth++
    for (const level of this.#open.splice(depth)) this.#kept -= level.names.size
    for (let i = depth; i < segments.length; i++) {
      this.#see(i === 0 ? this.#root : this.#open[i - 1]!, segments, i)
      if (i < segments.length - 1) this.#open.push({ segment: segments[i]!, names: new Map() })
    }
  }

  #see(level: Level, segments: string[], index: number): void {
    const name = segments[index]!
    const key = plain.test(name) ? name : folded(name)
    const other = level.names.get(key)
    if (other === undefined) {
      if (key === name && plain.test(name)) return
      if (this.#kept >= mostKept) return
      level.names.set(key, name)
      this.#kept++
    } else if (other !== name && this.found.length < mostReported) {
      const directory = segments.slice(0, index).map((segment) => `${segment}/`)
      const path = (last: string) => JSON.stringify(`${directory.join('')}${last}`)
      this.found.push(`${path(other)} and ${path(name)} differ only by case or Unicode normalization`)
    }
  }
}
