import { spawn } from 'node:child_process'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type MoveSpec, mountOf } from '../../src/api/move.ts'
import type { MoveResult } from '../../src/api/move-result.ts'

const fromSource = fileURLToPath(new URL('../../src/main.ts', import.meta.url))

export interface MoverEnd {
  /** null: it was killed. */
  code: number | null
  /** All of stdout and stderr. */
  output: string
  /** The termination message. */
  text: string
  result: MoveResult | undefined
}

/** A mover program as a pod has it, but for its root: /data, /credentials and the termination message lie in a directory. */
export interface MoverPod {
  readonly data: string
  /** Where a location's volume, ConfigMap or document is mounted. */
  mount(name: string): string
  /** Starts it. `kill` sends a signal to it, `ended` resolves when it is gone. */
  start(spec: MoveSpec, wrapper?: string[]): { kill(signal: NodeJS.Signals): void; ended: Promise<MoverEnd> }
  run(spec: MoveSpec, wrapper?: string[]): Promise<MoverEnd>
  remove(): Promise<void>
}

/** `credentials`: files by name of the location. `environment`: what webhooks of a cloud put into the pod. `main`: the program; default: its source. */
export const moverPod = async (
  credentials: Record<string, Record<string, string>>,
  environment: Record<string, string> = {},
  main = fromSource,
): Promise<MoverPod> => {
  const root = await mkdtemp(join(tmpdir(), 'granary-pod-'))
  const [data, termination] = [join(root, 'data'), join(root, 'termination-log')]
  await mkdir(data)
  for (const [name, files] of Object.entries(credentials)) {
    await mkdir(join(root, 'credentials', name), { recursive: true })
    for (const [file, value] of Object.entries(files)) await writeFile(join(root, 'credentials', name, file), value)
  }
  const env = {
    PATH: process.env.PATH,
    GRANARY_MOVER_ROOT: root,
    GRANARY_TERMINATION_LOG: termination,
    ...environment,
  }
  const start: MoverPod['start'] = (spec, wrapper = []) => {
    const command = ['setpriv', '--pdeathsig', 'KILL', ...wrapper, process.execPath, main, 'mover']
    const child = spawn(command[0]!, command.slice(1), { env: { ...env, GRANARY_MOVE_SPEC: JSON.stringify(spec) } })
    let output = ''
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding('utf8').on('data', (text: string) => {
        output += text
      })
    const ended = (async (): Promise<MoverEnd> => {
      await rm(termination, { force: true })
      const code = await new Promise<number | null>((resolve, reject) => {
        child.once('error', reject)
        child.once('close', resolve)
      })
      const text = await readFile(termination, 'utf8').catch(() => '')
      return { code, output, text, result: text === '' ? undefined : (JSON.parse(text) as MoveResult) }
    })()
    return { kill: (signal) => void child.kill(signal), ended }
  }
  return {
    data,
    mount: (name) => root + mountOf(name),
    start,
    run: (spec, wrapper) => start(spec, wrapper).ended,
    remove: () => rm(root, { recursive: true, force: true }),
  }
}
