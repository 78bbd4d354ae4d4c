import type { MoveProgress } from '../api/move-result.ts'

/** What an operation counts while it runs. */
export interface Progress {
  /** Known once the manifest, the listing or the volume was looked through. */
  expect(files: number, bytes: number): void
  files(count: number): void
  bytes(count: number): void
}

/** Milliseconds between two lines at least. */
const interval = 2000
/** The speed is that of so many intervals: one alone says more of how objects end than of how fast bytes come. */
const intervals = 3

/** Writes one JSON line every two seconds, if something moved since the last. `stop` ends it. */
export const reportProgress = (write: (line: string) => void, now: () => number): Progress & { stop(): void } => {
  let [filesDone, bytesDone] = [0, 0]
  let total: { filesTotal: number; bytesTotal: number } | undefined
  let told = { files: 0, bytes: 0 }
  const marks = [{ bytes: 0, at: now() }]
  const report = () => {
    const at = now()
    const [since] = marks
    const seconds = Math.max(at - (since?.at ?? at), 1) / 1000
    const bytesPerSecond = Math.round((bytesDone - (since?.bytes ?? 0)) / seconds)
    marks.push({ bytes: bytesDone, at })
    if (marks.length > intervals) marks.shift()
    if (filesDone === told.files && bytesDone === told.bytes) return
    told = { files: filesDone, bytes: bytesDone }
    const line: MoveProgress = { progress: { filesDone, bytesDone, ...total, bytesPerSecond } }
    write(`${JSON.stringify(line)}\n`)
  }
  const timer = setInterval(report, interval)
  timer.unref()
  return {
    expect: (filesTotal, bytesTotal) => {
      total = { filesTotal, bytesTotal }
    },
    files: (count) => {
      filesDone += count
    },
    bytes: (count) => {
      bytesDone += count
    },
    stop: () => clearInterval(timer),
  }
}
