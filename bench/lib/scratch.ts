import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const shared = '/dev/shm'
const name = /^granary-bench-(\d+)-/

const remove = (dir: string) => rmSync(dir, { recursive: true, force: true, maxRetries: 5 })

/** What benchmarks left whose process is gone: killed ones have no time to clean up. */
const sweep = () => {
  for (const place of [tmpdir(), shared])
    for (const each of readdirSync(place)) {
      const owner = name.exec(each)?.[1]
      if (owner !== undefined && !existsSync(`/proc/${owner}`)) remove(join(place, each))
    }
}

export interface Scratch {
  /** On a disk. */
  dir: string
  /** In memory, so that the disk is nobody's limit. */
  memory: string
  close(): void
}

/** Places of one benchmark's own, which are gone when it ends, also by a signal; servers and tools end with its process. */
export const openScratch = (): Scratch => {
  sweep()
  const own = `granary-bench-${process.pid}-`
  const [dir, memory] = [mkdtempSync(join(tmpdir(), own)), mkdtempSync(join(shared, own))]
  const close = () => [dir, memory].forEach(remove)
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
    process.once(signal, () => {
      close()
      process.exit(1)
    })
  return { dir, memory, close }
}
