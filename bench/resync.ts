/**
 * Brings a directory up to date that was made from the same bucket before, with nothing changed and with one file in a hundred changed:
 *
 *     npm run bench:resync -- [--rounds N] [--quick] [--tools granary,s5cmd,rclone,aws] [--json FILE]
 *
 * Each tool has a directory of its own, made by itself. Beside them a bare listing of the prefix, and for the changed set a full download by each.
 */
import { execFileSync, spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { repository } from '../scripts/cluster/paths.ts'
import { dataSets, makeDataSet, writePlanned } from './lib/data.ts'
import { type Measured, measure } from './lib/measure.ts'
import { type CaseResult, conditions, table } from './lib/report.ts'
import { openScratch } from './lib/scratch.ts'
import { startS3 } from './lib/servers.ts'
import { ensureTools, type Task, type Tool, type ToolName, toolsFor } from './lib/tools.ts'

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    quick: { type: 'boolean', default: false },
    tools: { type: 'string', default: 'granary,s5cmd,rclone,aws' },
    json: { type: 'string', default: 'bench-resync.json' },
  },
})
const runs = values.quick ? 1 : Number(values.rounds)
const wanted = values.tools.split(',') as ToolName[]
const log = (line: string) => console.error(line)

const { dir, memory, close } = openScratch()
const prefix = 'set'
const files = dataSets(values.quick ? 'quick' : 'full').tiny!()
const source = join(memory, 'source')
const bytes = files.reduce((sum, { size }) => sum + size, 0)

const same = (copy: string) => {
  const { status, stdout } = spawnSync('diff', ['-rq', source, copy], { encoding: 'utf8' })
  if (status !== 0) throw new Error(`${copy} differs from its source:\n${stdout.slice(0, 1000)}`)
}

const environment = (tool: Tool | undefined, task: Task): Record<string, string> => ({
  PATH: process.env.PATH ?? '',
  HOME: task.scratch,
  ...task.server.env,
  ...tool?.env(task),
})

const one = (name: string): CaseResult => ({ case: name, files: files.length, bytes, runs: {} })
const [unchanged, changed] = [one('resync, nothing changed'), one('resync, 1 % changed')]
const note = (result: CaseResult, name: string, measured: Measured) => {
  log(`${result.case} ${name}: ${measured.wall.toFixed(2)} s, ${measured.cpu.toFixed(2)} s CPU`)
  result.runs[name] = [...(result.runs[name] ?? []), measured]
}

const server = await startS3(join(dir, 'server'), false)
try {
  await ensureTools(wanted, log)
  makeDataSet(source, files)
  const tasks = Object.entries(toolsFor('sync', 's3'))
    .filter(([name]) => wanted.includes(name as ToolName))
    .flatMap(([, tools]) => tools)
    .map((tool) => {
      const scratch = mkdtempSync(join(dir, 'scratch-'))
      const directory = join(memory, tool.name.replaceAll(' ', ''))
      mkdirSync(directory)
      return { tool, task: { do: 'sync', server, prefix, directory, scratch } satisfies Task }
    })
  const [first] = tasks
  const up = toolsFor('upload', 's3').granary![0]!
  const seed = async () => {
    const task: Task = { ...first!.task, do: 'upload', directory: source, scratch: join(dir, 'seed') }
    mkdirSync(task.scratch, { recursive: true })
    await measure(dir, up.command(task), environment(up, task))
  }
  await seed()
  for (const { tool, task } of tasks) {
    note(changed, `${tool.name}: full download`, await measure(dir, tool.command(task), environment(tool, task)))
    same(task.directory)
  }
  const turn = <T>(items: T[], run: number) => [
    ...items.slice(run % items.length),
    ...items.slice(0, run % items.length),
  ]
  for (let run = 0; run < runs; run++) {
    const list = [process.execPath, join(repository, 'bench', 'list.ts'), server.bucket, `${prefix}/`]
    note(unchanged, 'bare listing', await measure(dir, list, environment(undefined, first!.task)))
    for (const { tool, task } of turn(tasks, run)) {
      note(unchanged, tool.name, await measure(dir, tool.command(task), environment(tool, task)))
      same(task.directory)
    }
  }
  for (let run = 0; run < runs; run++) {
    // Peers that go by size and time need a later second, and other sizes where they go by size alone.
    execFileSync('sleep', ['1.1'])
    for (let i = run; i < files.length; i += 100)
      writePlanned(source, { path: files[i]!.path, size: files[i]!.size + run + 1 }, String(run))
    await seed()
    for (const { tool, task } of turn(tasks, run)) {
      note(changed, tool.name, await measure(dir, tool.command(task), environment(tool, task)))
      same(task.directory)
    }
  }
  console.log(table(unchanged))
  console.log(table(changed))
  writeFileSync(values.json, JSON.stringify({ conditions: conditions(), results: [unchanged, changed] }, undefined, 2))
} finally {
  await server.stop()
  close()
}
