import { readFileSync } from 'node:fs'

/** A process that can be told from a later one that got the same number. */
export interface ProcessIdentity {
  readonly pid: number
  /** Start time in clock ticks since boot, as the kernel tells it. */
  readonly startTime: string
}

/** Identity of a running process; undefined when there is none with this number. A zombie counts as none. */
export const identify = (pid: number): ProcessIdentity | undefined => {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    const [state, startTime] = [fields[0], fields[19]]
    return state === 'Z' || startTime === undefined ? undefined : { pid, startTime }
  } catch {
    return undefined
  }
}

/** Whether exactly this process still runs. */
export const isAlive = (process: ProcessIdentity): boolean => identify(process.pid)?.startTime === process.startTime

/** Reads an identity that was written as JSON; undefined when there is none or its process is gone. */
export const readAlive = (file: string): ProcessIdentity | undefined => {
  try {
    const saved = JSON.parse(readFileSync(file, 'utf8')) as ProcessIdentity
    return isAlive(saved) ? saved : undefined
  } catch {
    return undefined
  }
}
