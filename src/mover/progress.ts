import type { MoveProgress } from '../api/move.ts'

/** What an operation counts while it runs. */
export interface Progress {
  /** Known once the manifest, the listing or the volume was looked through. */
  expect(files: number, bytes: number): void
  files(count: number): void
  bytes(count: number): void
}

/** Milliseconds between two lines at least. */
const interval = 2000

/** Writes one JSON line every two seconds, if something moved since the last. `stop` ends it. */
export const reportProgress = (write: (line: string) => void, now: () => number): Progress & { stop(): void } => {
  let [filesDone, bytesDone] = [0, 0]
  let total: { filesTotal: number; bytesTotal: number } | undefined
  let last = { files: 0, bytes: 0, at: now() }
  const report = () => {
    if (filesDone === last.files && bytesDone === last.bytes) return
    const at = now()
    const seconds = Math.max(at - last.at, 1) / 1000
    const bytesPerSecond = Math.round((bytesDone - last.bytes) / seconds)
    last = { files: filesDone, bytes: bytesDone, at }
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
