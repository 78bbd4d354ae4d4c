import type { SyncProgress } from '../transfer/sync/progress.ts'

const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB']

/** For people: three digits and a binary unit. */
export const humanSize = (bytes: number): string => {
  const power = bytes < 1024 ? 0 : Math.min(Math.floor(Math.log2(bytes) / 10), units.length - 1)
  const value = bytes / 1024 ** power
  return `${power === 0 || value >= 100 ? Math.round(value) : value.toPrecision(3)} ${units[power]}`
}

const humanTime = (seconds: number): string => {
  const whole = Math.ceil(seconds)
  if (whole < 60) return `${whole} s`
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`
  return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`
}

export interface Counts {
  files: number
  bytes: number
  filesTotal: number
  bytesTotal: number
  /** The totals are all that there is. */
  final: boolean
  bytesPerSecond: number
}

const bar = (part: number): string => {
  const filled = Math.floor(Math.min(1, part) * 20)
  return `[${'#'.repeat(filled)}${'.'.repeat(20 - filled)}]`
}

/** One line about a copy under way. */
export const progressLine = (counts: Counts, withBar: boolean): string => {
  const { files, bytes, filesTotal, bytesTotal, final, bytesPerSecond } = counts
  const so = final ? '' : ' so far'
  const left = bytesTotal - bytes
  const eta = final && bytesPerSecond > 0 && left > 0 ? `, ${humanTime(left / bytesPerSecond)} left` : ''
  const front = withBar ? `${bar(bytesTotal === 0 ? files / Math.max(1, filesTotal) : bytes / bytesTotal)} ` : ''
  const what = `${files} of ${filesTotal} files${so}, ${humanSize(bytes)} of ${humanSize(bytesTotal)}`
  return `${front}${what}, ${humanSize(bytesPerSecond)}/s${eta}`
}

/** Milliseconds between two lines: on a terminal, where each takes the place of the last, and elsewhere. */
const intervals = { terminal: 200, plain: 2000 }
/** The rate is that of the last so many milliseconds. */
const rateSpan = 10_000

/** Counts, and shows it while it moves. `stop` ends it and clears the line. */
export const showProgress = (
  out: { write(text: string): unknown; isTTY?: boolean },
  now: () => number,
): SyncProgress & { stop(): void } => {
  const counts: Counts = { files: 0, bytes: 0, filesTotal: 0, bytesTotal: 0, final: false, bytesPerSecond: 0 }
  const terminal = out.isTTY === true
  let moved = 0
  let shown = ''
  const samples = [{ at: now(), moved: 0 }]
  const show = () => {
    const at = now()
    samples.push({ at, moved })
    while (samples.length > 2 && at - samples[0]!.at > rateSpan) samples.shift()
    const [first] = samples
    counts.bytesPerSecond = Math.max(0, Math.round(((moved - first!.moved) * 1000) / Math.max(1, at - first!.at)))
    const line = progressLine(counts, terminal)
    if (line === shown) return
    shown = line
    out.write(terminal ? `\r\x1b[K${line}` : `${line}\n`)
  }
  const timer = setInterval(show, terminal ? intervals.terminal : intervals.plain)
  timer.unref()
  return {
    expect: (files, bytes, final) => Object.assign(counts, { filesTotal: files, bytesTotal: bytes, final }),
    kept: (bytes, files = 1) => {
      counts.bytes += bytes
      counts.files += files
    },
    bytes: (count) => {
      moved += count
      counts.bytes += count
    },
    files: (count) => {
      counts.files += count
    },
    stop: () => {
      clearInterval(timer)
      if (terminal && shown !== '') out.write('\r\x1b[K')
    },
  }
}
