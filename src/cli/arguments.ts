import { parseArgs } from 'node:util'
import { parseDuration } from '../api/duration.ts'
import type { Command, Flag, Flags, Format } from './command.ts'
import { CommandError, exit } from './exit.ts'

export interface Parsed {
  args: string[]
  flags: Flags
  namespace?: string
  allNamespaces: boolean
  kubeconfig?: string
  context?: string
  format: Format
  wait?: number
  help: boolean
}

const text = (summary: string, value: string): Flag => ({ type: 'string', value, summary })
const yes = (summary: string): Flag => ({ type: 'boolean', summary })

const common: Record<string, Flag> = {
  namespace: text('the namespace; default: that of the context', 'NAMESPACE'),
  context: text('a context of the kubeconfig', 'NAME'),
  kubeconfig: text('the kubeconfig; default: as kubectl finds it', 'PATH'),
  help: yes('says how the command is used'),
}

const optional: Record<NonNullable<Command['takes']>[number], Record<string, Flag>> = {
  output: { output: text('table, wide, json or yaml', 'FORMAT') },
  wait: {
    wait: yes('waits until it is done'),
    timeout: text('how long to wait at most; default: 10m', 'DURATION'),
  },
  allNamespaces: { 'all-namespaces': yes('all namespaces') },
}

const short: Record<string, string> = { namespace: 'n', output: 'o', 'all-namespaces': 'A', help: 'h' }

/** Every flag that the command knows, in the order of its help. */
export const flagsOf = (command: Command): Record<string, Flag> => ({
  ...command.flags,
  ...Object.assign({}, ...(command.takes ?? []).map((what) => optional[what])),
  ...common,
})

/** How a flag is typed: `-n, --namespace NAMESPACE`. */
export const spelled = (name: string, flag: Flag): string =>
  `${short[name] === undefined ? '' : `-${short[name]}, `}--${name}${flag.value === undefined ? '' : ` ${flag.value}`}`

const usageError = (message: string) => new CommandError(exit.usage, message)

const formats = ['table', 'wide', 'json', 'yaml']

const formatOf = (asked: string | undefined): Format => {
  if (asked === undefined) return 'table'
  if (formats.includes(asked)) return asked as Format
  throw usageError(`--output ${asked} is none of ${formats.join(', ')}`)
}

const waitOf = (wait: unknown, timeout: string | undefined): number | undefined => {
  const limit = timeout === undefined ? 600_000 : parseDuration(timeout)
  if (limit === undefined) throw usageError(`--timeout ${timeout} is no duration: write 90s, 10m or 1h30m`)
  if (wait !== true && timeout !== undefined) throw usageError('--timeout goes with --wait')
  return wait === true ? limit : undefined
}

/** How many words the command takes: `NAME [PATH]` is one or two, `PATH…` any number from one. */
const counts = ({ args }: Command): [number, number] => {
  const words = args.split(' ').filter((word) => word !== '')
  const most = words.some((word) => word.includes('…')) ? Number.POSITIVE_INFINITY : words.length
  return [words.filter((word) => !word.startsWith('[')).length, most]
}

const checkCount = (command: Command, args: string[]): void => {
  const [least, most] = counts(command)
  if (args.length < least) throw usageError(`${command.args.split(' ')[args.length]} is missing`)
  if (args.length > most) throw usageError(`${JSON.stringify(args[most])} is one argument too many`)
}

/** The sentence of Node's own parser, without its advice on how to write positional arguments. */
const sentenceOf = (error: unknown): string => ((error as Error).message.split('. ')[0] ?? '').replace(/\.$/, '')

/** Takes the words after a command's name apart. Throws a CommandError of one sentence. */
export const parseArguments = (command: Command, words: string[]): Parsed => {
  const options = Object.fromEntries(
    Object.entries(flagsOf(command)).map(([name, { type }]) => [
      name,
      { type, ...(short[name] === undefined ? {} : { short: short[name] }) },
    ]),
  )
  const parsed = (() => {
    try {
      return parseArgs({ args: words, options, allowPositionals: true, strict: true })
    } catch (error) {
      throw usageError(sentenceOf(error))
    }
  })()
  const { values, positionals } = parsed
  const said = values as Record<string, string | undefined>
  const { namespace, kubeconfig, context } = said
  const wait = waitOf(values.wait, said.timeout)
  const help = values.help === true
  if (!help) checkCount(command, positionals)
  return {
    args: positionals,
    flags: values as Flags,
    allNamespaces: values['all-namespaces'] === true,
    format: formatOf(said.output),
    help,
    ...(namespace === undefined ? {} : { namespace }),
    ...(kubeconfig === undefined ? {} : { kubeconfig }),
    ...(context === undefined ? {} : { context }),
    ...(wait === undefined ? {} : { wait }),
  }
}
