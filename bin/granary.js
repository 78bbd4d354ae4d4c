#!/usr/bin/env -S node --max-semi-space-size=8
/**
 * Runs the program from a checkout: its sources directly where Node.js strips types by itself, else with the Node.js that the development
 * dependencies bring. A built package has dist/main.js and runs that.
 */
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const at = (path) => fileURLToPath(new URL(path, import.meta.url))
const source = at('../src/main.ts')

if (!existsSync(source)) await import('../dist/main.js')
else if (process.features.typescript) await import('../src/main.ts')
else {
  const node = at('../node_modules/node/bin/node')
  if (!existsSync(node)) {
    console.error(`granary needs Node.js 22.19 or newer; this is ${process.version}: run npm ci first`)
    process.exit(1)
  }
  const { status, signal } = spawnSync(node, [source, ...process.argv.slice(2)], { stdio: 'inherit' })
  if (signal) process.kill(process.pid, signal)
  process.exit(status ?? 1)
}
