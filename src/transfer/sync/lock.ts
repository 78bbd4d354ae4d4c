import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { MoveFailure } from '../../mover/failure.ts'

/** When a process of this machine was started, in the kernel's ticks: with the pid it names one process for as long as the machine runs. */
const startOf = (pid: number): string | undefined => {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8')
    // Behind the name in parentheses, which may hold anything.
    return text.slice(text.lastIndexOf(')') + 2).split(' ')[19]
  } catch {
    return undefined
  }
}

/** Names this start of the machine. */
export const bootId = (): string => {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()
  } catch {
    return 'unknown'
  }
}

interface Owner {
  host: string
  pid: number
  start: string
}

const isAlive = ({ pid, start }: Owner): boolean => {
  const now = startOf(pid)
  if (now !== undefined) return now === start
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

const readOwner = (file: string): Owner | undefined => {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as Owner
  } catch {
    return undefined
  }
}

/**
 * Takes a lock file, which a process that is gone holds no more. Returns what gives it back. Another process that has it: `CommitConflict`.
 * It guards against a second copy to the same place by mistake, not against an enemy.
 */
export const takeLock = (file: string, what: string): (() => void) => {
  const me: Owner = { host: `${hostname()} ${bootId()}`, pid: process.pid, start: startOf(process.pid) ?? '' }
  for (let attempt = 1; attempt <= 3; attempt++) {
    try {
      writeFileSync(file, JSON.stringify(me), { flag: 'wx', mode: 0o600 })
      return () => rmSync(file, { force: true })
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    }
    const owner = readOwner(file)
    if (owner !== undefined && (owner.host !== me.host || isAlive(owner))) {
      const who =
        owner.host === me.host ? `process ${owner.pid}` : `process ${owner.pid} on ${owner.host.split(' ')[0]}`
      throw new MoveFailure(
        'CommitConflict',
        `${what} is being written by another granary (${who}): wait for it, or remove ${file} if it is gone`,
      )
    }
    rmSync(file, { force: true })
  }
  throw new MoveFailure('CommitConflict', `${what} is being written by another granary: wait for it`)
}
