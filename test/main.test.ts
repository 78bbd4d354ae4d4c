import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { expect, test } from 'vitest'

const granary = async (...args: string[]) => {
  const child = spawn(process.execPath, ['src/main.ts', ...args], {
    env: { PATH: process.env.PATH },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let output = ''
  child.stdout.on('data', (chunk) => (output += chunk))
  child.stderr.on('data', (chunk) => (output += chunk))
  const [code] = await once(child, 'close')
  return { code, output }
}

test('says how it is used', async () => {
  const { code, output } = await granary('no-such-verb')
  expect([code, output]).toEqual([
    2,
    expect.stringMatching(/^granary: there is no command "no-such-verb"\nusage: granary COMMAND/),
  ])
})

test('a bad flag ends it with one sentence', async () => {
  const { code, output } = await granary('operator', '--log-level=loud', '--mover-image=x')
  expect(code).toBe(2)
  expect(output.trim().split('\n')).toEqual([expect.stringContaining('--log-level (or GRANARY_LOG_LEVEL)')])
})

test('a command is explained without a cluster, and one without a cluster says so', async () => {
  const help = await granary('tag', 'set', '--help')
  expect([help.code, help.output]).toEqual([0, expect.stringContaining('usage: granary tag set NAME TAG VERSION')])
  const { code, output } = await granary('list', '--kubeconfig', '/dev/null')
  expect([code, output]).toEqual([1, expect.stringMatching(/^granary list: the kubeconfig is of no use: /)])
})
