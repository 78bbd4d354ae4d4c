import { describe, expect, test } from 'vitest'
import { parseArguments } from '../../src/cli/arguments.ts'
import { commands } from '../../src/cli/commands.ts'
import { explain } from '../../src/cli/exit.ts'
import { helpOf, overview } from '../../src/cli/help.ts'

const parse = (line: string) => {
  const [name = '', rest = ''] = line.split('|').map((part) => part.trim())
  return parseArguments(commands[name]!, rest === '' ? [] : rest.split(' '))
}

test.each([
  ['list |', { args: [], allNamespaces: false, format: 'table' }],
  ['list | -A -o json', { allNamespaces: true, format: 'json' }],
  [
    'versions | mnist -n vision --context dev --kubeconfig /tmp/k',
    { args: ['mnist'], namespace: 'vision', context: 'dev', kubeconfig: '/tmp/k' },
  ],
  ['sync | --wait mnist', { args: ['mnist'], wait: 600_000 }],
  ['sync | mnist --wait --timeout=90s', { wait: 90_000 }],
  ['tag history | mnist', { args: ['mnist'] }],
  ['tag history | mnist prod', { args: ['mnist', 'prod'] }],
  ['list | --help', { help: true }],
  ['versions | --help', { help: true, args: [] }],
])('%s', (line, wanted) => {
  expect(parse(line)).toMatchObject(wanted)
})

describe('what makes no sense is one sentence and exit code 2', () => {
  test.each([
    ['list | --colour', "Unknown option '--colour'"],
    ['list | -o xml', '--output xml is none of table, wide, json, yaml'],
    ['versions |', 'NAME is missing'],
    ['tag set | mnist prod', 'VERSION is missing'],
    ['list | mnist', '"mnist" is one argument too many'],
    ['sync | mnist --timeout 5m', '--timeout goes with --wait'],
    ['sync | mnist --wait --timeout soon', '--timeout soon is no duration: write 90s, 10m or 1h30m'],
    ['versions | mnist --wait', "Unknown option '--wait'"],
    ['versions | mnist --namespace', "Option '-n, --namespace <value>' argument missing"],
  ])('%s', (line, sentence) => {
    const told = (() => {
      try {
        return parse(line)
      } catch (error) {
        return explain(error)
      }
    })()
    expect(told).toEqual({ code: 2, message: sentence })
  })
})

test('every command is explained, and none takes a secret', () => {
  const all = overview('granary', commands, ['operator'])
  for (const [name, command] of Object.entries(commands)) {
    expect(all).toContain(name)
    const help = helpOf('kubectl dataset', name, command)
    expect(help).toContain(`usage: kubectl dataset ${name}`)
    expect(help).not.toMatch(/--[a-z-]*(secret|password|token|key)/)
  }
})
