import { basename } from 'node:path'
import { copyConfig } from '../copy-config.ts'
import { connect } from '../kube/connection.ts'
import { createClient } from '../kube/http-client.ts'
import { sleep } from '../lib/abort.ts'
import { messageOf } from '../lib/errors.ts'
import { type Parsed, parseArguments } from './arguments.ts'
import type { Command, Context } from './command.ts'
import { commands } from './commands.ts'
import { CommandError, exit, explain } from './exit.ts'
import { helpOf, overview, usageOf } from './help.ts'

/** Where a program writes to. */
export interface Outlet {
  out(bytes: string | Uint8Array): Promise<void>
  err(text: string): void
}

/** kubectl runs plug-ins under their own names. */
export const programName = (path: string | undefined): string =>
  basename(path ?? '') === 'kubectl-dataset' ? 'kubectl dataset' : 'granary'

/** The command that the words name, and the words after it. */
const findCommand = (words: readonly string[]): { name: string; command: Command; rest: string[] } | undefined => {
  for (const length of [2, 1]) {
    const name = words.slice(0, length).join(' ')
    const command = Object.hasOwn(commands, name) ? commands[name] : undefined
    if (words.length >= length && command !== undefined) return { name, command, rest: words.slice(length) }
  }
  return undefined
}

const unknown = (words: readonly string[]): string => {
  const [first = ''] = words
  const siblings = Object.keys(commands).filter((name) => name.startsWith(`${first} `))
  if (siblings.length > 0) return `${first} is one of: ${siblings.join(', ')}`
  return first === '' ? 'which command?' : `there is no command ${JSON.stringify(first)}`
}

const connectAs = ({ kubeconfig, context }: Parsed) => {
  try {
    return connect(kubeconfig, context)
  } catch (error) {
    throw new CommandError(exit.failed, `the kubeconfig is of no use: ${messageOf(error)}`, { cause: error })
  }
}

const withContext = async <T>(
  parsed: Parsed,
  outlet: Outlet,
  signal: AbortSignal,
  work: (context: Context) => Promise<T>,
) => {
  const connection = connectAs(parsed)
  let written = Promise.resolve()
  const write = (bytes: string | Uint8Array) => {
    written = written.then(() => outlet.out(bytes))
    return written
  }
  const context: Context = {
    client: createClient({ connection, userAgent: 'granary' }),
    namespace: parsed.namespace ?? connection.namespace ?? 'default',
    namespaceGiven: parsed.namespace !== undefined,
    allNamespaces: parsed.allNamespaces,
    format: parsed.format,
    ...(parsed.wait === undefined ? {} : { wait: parsed.wait }),
    print: (text) => void write(`${text}\n`),
    write,
    note: (text) => outlet.err(`${text}\n`),
    now: () => Date.now(),
    sleep: (ms) => sleep(ms, signal),
    openStore: async (address) => {
      const { openStore } = await import('../stores/open.ts')
      // Ambient only: no credential lies in a file that Granary knows.
      return openStore({ credentialsDir: '', caDir: '', caFile: copyConfig().s3.caFile }, address)
    },
    signal,
  }
  try {
    return await work(context)
  } finally {
    await written
    await connection.close()
  }
}

/** One verb for a person, from its words to the exit code. Says in one sentence what went wrong, and how the command is used if that was it. */
export const person = async (
  words: readonly string[],
  others: readonly string[],
  program: string,
  outlet: Outlet,
  signal: AbortSignal,
): Promise<number> => {
  if (['help', '--help', '-h'].includes(words[0] ?? '')) {
    const asked = findCommand(words.slice(1))
    await outlet.out(`${asked ? helpOf(program, asked.name, asked.command) : overview(program, commands, others)}\n`)
    return exit.done
  }
  const found = findCommand(words)
  if (found === undefined) {
    outlet.err(`${program}: ${unknown(words)}\n${overview(program, commands, others)}\n`)
    return exit.usage
  }
  const { name, command, rest } = found
  try {
    const parsed = parseArguments(command, rest)
    if (parsed.help) {
      await outlet.out(`${helpOf(program, name, command)}\n`)
      return exit.done
    }
    const run = await command.load()
    await withContext(parsed, outlet, signal, (context) => run(context, parsed.args, parsed.flags))
    return exit.done
  } catch (error) {
    const { code, message } = explain(error)
    const usage = code === exit.usage ? `\n${usageOf(program, name, command)}` : ''
    outlet.err(`${program} ${name}: ${message}${usage}\n`)
    return code
  }
}
