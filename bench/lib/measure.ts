import { spawn } from 'node:child_process'
import { readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'

export interface Measured {
  /** seconds */
  wall: number
  /** User and system seconds of the process and all its children. */
  cpu: number
  /** MiB of the biggest process */
  memory: number
}

// The kernel counts what children used when they are waited for; Node has no call that tells it.
const wrapper = `
import json, os, resource, sys, time
start = time.monotonic()
code = os.spawnvp(os.P_WAIT, sys.argv[2], sys.argv[2:])
wall = time.monotonic() - start
used = resource.getrusage(resource.RUSAGE_CHILDREN)
json.dump({"code": code, "wall": wall, "cpu": used.ru_utime + used.ru_stime, "memory": used.ru_maxrss / 1024}, open(sys.argv[1], "w"))
`

/** Runs a program, which ends with this process, to its end and says what it took. Throws with the end of its output if it fails. */
export const measure = async (
  scratch: string,
  command: readonly string[],
  env: Record<string, string>,
): Promise<Measured> => {
  const report = join(scratch, `measured-${process.pid}.json`)
  const bound = ['setpriv', '--pdeathsig', 'KILL']
  const args = [...bound, 'python3', '-c', wrapper, report, ...bound, ...command]
  const child = spawn(args[0]!, args.slice(1), { env, stdio: ['ignore', 'pipe', 'pipe'] })
  let output = ''
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => {
      output = (output + text).slice(-2000)
    })
  await new Promise<void>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', () => resolve())
  })
  const { code, ...measured } = JSON.parse(readFileSync(report, 'utf8')) as Measured & { code: number }
  rmSync(report)
  if (code !== 0) throw new Error(`${command[0]} ended with ${code}:\n${output}`)
  return measured
}

export const median = (values: readonly number[]): number => {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = Math.floor(sorted.length / 2)
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
}

export const medians = (runs: readonly Measured[]): Measured => ({
  wall: median(runs.map(({ wall }) => wall)),
  cpu: median(runs.map(({ cpu }) => cpu)),
  memory: median(runs.map(({ memory }) => memory)),
})
