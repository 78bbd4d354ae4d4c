/** What a copy counts while it runs. */
export interface SyncProgress {
  /** What there is so far; all of it once the listings are through (`final`). */
  expect(files: number, bytes: number, final: boolean): void
  /** Bytes of a file that need not move; `files` is 0 if it is counted elsewhere. */
  kept(bytes: number, files?: number): void
  bytes(count: number): void
  files(count: number): void
}
