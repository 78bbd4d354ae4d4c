import { ConfigError } from './config-error.ts'
import { messageOf } from './lib/errors.ts'

type Verb = (args: string[], signal: AbortSignal) => Promise<number>

/** Each verb loads what it needs and nothing else: a mover never loads a Kubernetes client. */
const verbs: Record<string, () => Promise<Verb>> = {
  operator: async () => (await import('./cli/operator.ts')).run,
  mover: async () => (await import('./cli/mover.ts')).mover,
  cp: async () => (await import('./cli/cp.ts')).cp,
}

/** Exit code of arguments that can't be used. */
const usage = 2

const outlet = {
  out: (bytes: string | Uint8Array) =>
    new Promise<void>((resolve, reject) => process.stdout.write(bytes, (error) => (error ? reject(error) : resolve()))),
  err: (text: string) => void process.stderr.write(text),
}

const main = async (words: string[], signal: AbortSignal): Promise<number> => {
  const [name = '', ...args] = words
  const load = Object.hasOwn(verbs, name) ? verbs[name] : undefined
  if (!load) {
    const { person, programName } = await import('./cli/person.ts')
    return person(words, Object.keys(verbs), programName(process.argv[1]), outlet, signal)
  }
  try {
    const verb = await load()
    return await verb(args, signal)
  } catch (error) {
    console.error(`granary ${name}: ${messageOf(error)}`)
    return error instanceof ConfigError ? usage : 1
  }
}

const stop = new AbortController()
for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  process.on(signal, () => {
    // Asked twice: whoever asks does not want to wait.
    if (stop.signal.aborted) process.exit(1)
    stop.abort(new Error(`stopped by ${signal}`))
  })
}
// Sockets that are kept alive, or a stalled upload, must not keep a finished program.
process.exit(await main(process.argv.slice(2), stop.signal))
