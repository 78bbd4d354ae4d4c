import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { S3Server } from './s3-server.ts'

export interface CopyEnd {
  /** null: it was killed. */
  code: number | null
  stdout: string
  stderr: string
}

export interface RunningCopy {
  kill(signal: NodeJS.Signals): void
  ended: Promise<CopyEnd>
}

/** The program as a checkout runs it. */
export const launcher = fileURLToPath(new URL('../../bin/granary.js', import.meta.url))

/** The environment of a person who works with this server, and has nothing else. */
export const copyEnvironment = (server: S3Server, endpoint: string, stateDir: string): Record<string, string> => ({
  PATH: process.env.PATH ?? '',
  HOME: stateDir,
  XDG_STATE_HOME: stateDir,
  AWS_ENDPOINT_URL_S3: endpoint,
  AWS_REGION: server.region,
  AWS_ACCESS_KEY_ID: server.accessKey,
  AWS_SECRET_ACCESS_KEY: server.secretKey,
})

/** Starts `granary cp` as a process of its own, perhaps inside another command. */
export const startCopy = (env: Record<string, string>, args: string[], wrapper: string[] = []): RunningCopy => {
  const command = ['setpriv', '--pdeathsig', 'KILL', ...wrapper, process.execPath, launcher, 'cp', ...args]
  const child = spawn(command[0]!, command.slice(1), { env, stdio: ['ignore', 'pipe', 'pipe'] })
  const end: CopyEnd = { code: null, stdout: '', stderr: '' }
  for (const name of ['stdout', 'stderr'] as const)
    child[name].setEncoding('utf8').on('data', (text: string) => {
      end[name] += text
    })
  const ended = new Promise<CopyEnd>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code) => resolve({ ...end, code }))
  })
  return { kill: (signal) => void child.kill(signal), ended }
}
