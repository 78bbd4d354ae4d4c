import { spawn } from 'node:child_process'
import { closeSync, openSync, readFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'

/** A server that runs as long as a test needs it. */
export interface Child {
  /** Rejects when the process ends before `stop`, with the end of its log. */
  readonly failed: Promise<never>
  /** Ends the process and waits until it is gone. */
  stop(): Promise<void>
}

const lastLines = (file: string) => readFileSync(file, 'utf8').trimEnd().split('\n').slice(-15).join('\n')

/** Starts a program with its output in `logFile`. The kernel ends it when this process dies, however that happens. `env`: beside its own. */
export const startChild = (
  program: string,
  args: readonly string[],
  logFile: string,
  env: Record<string, string> = {},
): Child => {
  const log = openSync(logFile, 'a')
  const command = ['--pdeathsig', 'KILL', program, ...args]
  const child = spawn('setpriv', command, { stdio: ['ignore', log, log], env: { ...process.env, ...env } })
  closeSync(log)
  let stopping = false
  const exited = new Promise<void>((resolve) => {
    child.once('exit', () => resolve())
    child.once('error', () => resolve())
  })
  const failed = exited.then(() => {
    if (stopping) return new Promise<never>(() => {})
    throw new Error(`${program} ended early (exit ${child.exitCode ?? child.signalCode}):\n${lastLines(logFile)}`)
  })
  failed.catch(() => {})
  const stop = async () => {
    stopping = true
    if (child.exitCode !== null || child.signalCode !== null) return
    child.kill('SIGTERM')
    const timer = setTimeout(() => child.kill('SIGKILL'), 5_000)
    await exited
    clearTimeout(timer)
  }
  return { failed, stop }
}

/** A TCP port of the loopback address that nobody listens on at this moment. */
export const freePort = (): Promise<number> =>
  new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      server.close(() => {
        if (address !== null && typeof address === 'object') resolve(address.port)
        else reject(new Error('the kernel gave no port'))
      })
    })
  })

/**
 * Polls until `probe` returns true; what it throws counts as not yet.
 * Rejects after `seconds`, saying what was waited for and the last error.
 */
export const until = async (what: string, probe: () => Promise<boolean>, seconds = 60): Promise<void> => {
  const deadline = Date.now() + seconds * 1000
  let last: unknown
  while (Date.now() < deadline) {
    try {
      if (await probe()) return
    } catch (error) {
      last = error
    }
    await sleep(100)
  }
  throw new Error(`waited ${seconds} s for ${what}`, { cause: last })
}
