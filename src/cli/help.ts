import { flagsOf, spelled } from './arguments.ts'
import type { Command } from './command.ts'

const columns = (rows: readonly (readonly [string, string])[]): string => {
  const width = Math.max(...rows.map(([left]) => left.length))
  return rows.map(([left, right]) => `  ${left.padEnd(width)}  ${right}`).join('\n')
}

const typed = (name: string, { args }: Command): string => (args === '' ? name : `${name} ${args}`)

/** All commands, one line each. `others` are those with arguments of their own. */
export const overview = (program: string, commands: Record<string, Command>, others: readonly string[]): string =>
  [
    `usage: ${program} COMMAND …`,
    '',
    columns(Object.entries(commands).map(([name, command]) => [typed(name, command), command.summary])),
    '',
    `${program} COMMAND --help says more. Beside these there are: ${others.join(', ')}.`,
  ].join('\n')

export const usageOf = (program: string, name: string, command: Command): string =>
  `usage: ${program} ${typed(name, command)} [flags]`

export const helpOf = (program: string, name: string, command: Command): string =>
  [
    `${program} ${name} ${command.summary}.`,
    '',
    usageOf(program, name, command),
    '',
    columns(Object.entries(flagsOf(command)).map(([flag, of]) => [spelled(flag, of), of.summary])),
  ].join('\n')
