/**
 * Imports many small objects from a bucket into a store, as a mover's pod does, and prints seconds and the peak of memory:
 *
 *     npm run bench:import -- [objects] [--mode Copy|Reference]… [--json FILE]
 *
 * The objects are made on the server's own disk, as links to a few files that it took in itself. Counts, bytes and digest of the version are compared
 * with what was made; of copies every thousandth is read. Fails if something differs, or if a run takes more than 256 MiB.
 */
import { createHash, hash } from 'node:crypto'
import { linkSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { repository } from '../scripts/cluster/paths.ts'
import type { MoveSpec } from '../src/api/move.ts'
import { contentLine } from '../src/manifest/line.ts'
import { openStore } from '../src/stores/open.ts'
import { type Measured, measure } from './lib/measure.ts'
import { conditions } from './lib/report.ts'
import { openScratch } from './lib/scratch.ts'
import { type Server, startS3 } from './lib/servers.ts'
import { ensureTools } from './lib/tools.ts'

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    mode: { type: 'string', multiple: true, default: ['Copy', 'Reference'] },
    json: { type: 'string', default: 'bench-import.json' },
  },
})
const objects = Number(positionals[0] ?? 1_000_000)
const limit = 256
/** Names that one file may have; ext4 allows some more. */
const mostLinks = 50_000
const perDirectory = 1000

const pathOf = (i: number) => {
  const folder = String(Math.floor(i / perDirectory)).padStart(6, '0')
  return `train/n${folder}/ILSVRC2012_val_${String(i).padStart(8, '0')}.JPEG`
}
const bytesOf = (i: number) => Buffer.from(`picture ${Math.floor(i / mostLinks)}`.repeat(20))

/** Makes the objects, and gives the digest and the bytes that a version of them has. */
const make = async (server: Server): Promise<{ digest: string; bytes: number }> => {
  const address = {
    name: 's3',
    s3: { bucket: server.bucket, endpoint: server.endpoint },
    credentials: 'Ambient' as const,
  }
  Object.assign(process.env, server.env)
  const store = await openStore({ credentialsDir: '', caDir: '' }, address)
  const content = createHash('sha256')
  let bytes = 0
  try {
    for (let i = 0; i < objects; i++) {
      const data = bytesOf(i)
      if (i % mostLinks === 0) await store.put(`seed/${i}`, data)
      if (i % perDirectory === 0) mkdirSync(join(server.filesOf!('raw'), pathOf(i), '..'), { recursive: true })
      linkSync(server.filesOf!(`seed/${i - (i % mostLinks)}`), join(server.filesOf!('raw'), pathOf(i)))
      content.update(`${contentLine({ p: pathOf(i), s: data.length, h: hash('sha256', data) })}\n`)
      bytes += data.length
    }
  } finally {
    await store.close()
  }
  return { digest: content.digest('hex'), bytes }
}

const run = async (server: Server, dir: string, mode: 'Copy' | 'Reference') => {
  const place = { s3: { bucket: server.bucket, endpoint: server.endpoint }, credentials: 'Ambient' as const }
  const spec: MoveSpec = {
    op: 'Import',
    dataset: { namespace: 'bench', name: mode, uid: 'uid' },
    store: { name: 'store', ...place, prefix: `granary/${mode}/` },
    source: { name: 'source', ...place, prefix: 'raw/' },
    mode,
    intent: { sequence: 1, createdAt: '2026-01-01T00:00:00Z' },
  }
  const termination = join(dir, 'termination-log')
  const env = {
    ...{ PATH: process.env.PATH ?? '', ...server.env, GRANARY_MOVER_ROOT: join(dir, 'pod') },
    ...{ GRANARY_TERMINATION_LOG: termination, GRANARY_MOVE_SPEC: JSON.stringify(spec) },
  }
  const command = [process.execPath, '--max-semi-space-size=8', join(repository, 'dist', 'main.js'), 'mover']
  const measured = await measure(dir, command, env)
  return { measured, result: JSON.parse(readFileSync(termination, 'utf8')) as Record<string, unknown> }
}

const check = (server: Server, mode: string, result: Record<string, unknown>, made: object) => {
  const expected: Record<string, unknown> = { outcome: 'Committed', mode, files: objects, ...made }
  for (const [name, value] of Object.entries(expected))
    if (result[name] !== value) throw new Error(`${mode}: ${name} is ${result[name]}, and should be ${value}`)
  if (mode !== 'Copy') return
  for (let i = 0; i < objects; i += perDirectory)
    if (!readFileSync(server.filesOf!(`granary/Copy/data/v1/${pathOf(i)}`)).equals(bytesOf(i)))
      throw new Error(`the copy of ${pathOf(i)} differs`)
}

const { dir, close } = openScratch()
const server = await startS3(join(dir, 'server'), false)
const results: Record<string, Measured> = {}
try {
  await ensureTools(['granary'], () => {})
  mkdirSync(join(dir, 'pod'))
  const made = await make(server)
  for (const mode of values.mode as ('Copy' | 'Reference')[]) {
    const { measured, result } = await run(server, dir, mode)
    check(server, mode, result, made)
    results[mode] = measured
    const { wall, cpu, memory } = measured
    console.log(`${mode}: ${objects} objects, ${wall.toFixed(1)} s, ${cpu.toFixed(1)} s CPU, ${memory.toFixed(0)} MiB`)
    if (memory <= limit) continue
    console.error(`that is above ${limit} MiB`)
    process.exitCode = 1
  }
  writeFileSync(values.json, JSON.stringify({ conditions: conditions(), objects, results }, undefined, 2))
} finally {
  await server.stop()
  close()
}
