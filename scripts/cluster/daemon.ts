import { spawn } from 'node:child_process'
import { closeSync, mkdirSync, openSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { binDir, statePaths } from './paths.ts'
import { identify, type ProcessIdentity, readAlive } from './processes.ts'
import { enterArguments } from './sandbox.ts'

/** A program that runs inside the sandbox until the cluster goes down. */
export interface Daemon {
  readonly name: string
  readonly command: readonly string[]
  /** What it needs beside PATH and HOME: nothing of the caller's environment (proxies!) reaches a daemon. */
  readonly environment?: Readonly<Record<string, string>>
}

const identityFile = (name: string) => join(statePaths.daemons, `${name}.json`)

/** The log of a daemon. */
export const daemonLog = (name: string): string => join(statePaths.logs, `${name}.log`)

/** The end of a daemon's log, for error messages. */
export const daemonLogTail = (name: string, lines = 15): string => {
  try {
    return readFileSync(daemonLog(name), 'utf8').trimEnd().split('\n').slice(-lines).join('\n')
  } catch {
    return ''
  }
}

/** Starts a daemon; returns at once. */
export const startDaemon = (sandbox: ProcessIdentity, daemon: Daemon): void => {
  for (const dir of [statePaths.logs, statePaths.daemons]) mkdirSync(dir, { recursive: true })
  const log = openSync(daemonLog(daemon.name), 'a')
  const path = `${binDir}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin`
  const child = spawn('nsenter', enterArguments(sandbox, daemon.command), {
    detached: true,
    stdio: ['ignore', log, log],
    env: { PATH: path, HOME: '/root', ...daemon.environment },
  })
  closeSync(log)
  child.once('error', () => {})
  child.unref()
  if (child.pid === undefined)
    throw new Error(`${daemon.name} could not be started: is nsenter (util-linux) installed?`)
  writeFileSync(identityFile(daemon.name), JSON.stringify(identify(child.pid) ?? { pid: child.pid, startTime: '' }))
}

/** Counts a process that was started elsewhere among the daemons. */
export const noteDaemon = (name: string, identity: ProcessIdentity): void => {
  mkdirSync(statePaths.daemons, { recursive: true })
  writeFileSync(identityFile(name), JSON.stringify(identity))
}

/** The process of a daemon that was started and runs. */
export const findDaemon = (name: string): ProcessIdentity | undefined => readAlive(identityFile(name))

/** Whether a daemon that was started still runs. */
export const daemonRuns = (name: string): boolean => findDaemon(name) !== undefined

/** Names of all daemons that were started, sorted. */
export const startedDaemons = (): string[] => {
  try {
    return readdirSync(statePaths.daemons)
      .map((file) => file.replace(/\.json$/, ''))
      .sort()
  } catch {
    return []
  }
}
