import { parseArgs } from 'node:util'
import { ConfigError } from '../config-error.ts'
import { type Address, AddressError, parseAddress } from '../transfer/address.ts'

export interface CopyArgs {
  source: Address
  destination: Address
  json: boolean
  prune: boolean
  include: string[]
  exclude: string[]
}

export const copyUsage = `usage: granary cp [--prune] [--json] [--include GLOB]… [--exclude GLOB]… SOURCE DESTINATION
SOURCE and DESTINATION are s3://bucket/prefix/, gs://bucket/prefix/ or a directory; what is in the one is in the other then.`

const options = {
  json: { type: 'boolean' },
  prune: { type: 'boolean' },
  include: { type: 'string', multiple: true },
  exclude: { type: 'string', multiple: true },
  help: { type: 'boolean', short: 'h' },
} as const

/** The arguments of `granary cp`; undefined: help is asked for. Throws a ConfigError with one sentence. */
export const parseCopyArgs = (args: string[], cwd: string): CopyArgs | undefined => {
  const parse = () => {
    try {
      return parseArgs({ args, options, allowPositionals: true })
    } catch (error) {
      throw new ConfigError(`${(error as Error).message.split('. ')[0]}\n${copyUsage}`)
    }
  }
  const { values, positionals } = parse()
  if (values.help) return undefined
  const [from, to, ...more] = positionals
  if (from === undefined || to === undefined || more.length > 0)
    throw new ConfigError(`it takes one source and one destination\n${copyUsage}`)
  try {
    return {
      source: parseAddress(from, cwd),
      destination: parseAddress(to, cwd),
      json: values.json ?? false,
      prune: values.prune ?? false,
      include: values.include ?? [],
      exclude: values.exclude ?? [],
    }
  } catch (error) {
    throw error instanceof AddressError ? new ConfigError(error.message) : error
  }
}
