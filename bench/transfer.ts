/**
 * Copies the same data with Granary and with the tools that people use today, from and to the same server, one after the other in turns:
 *
 *     npm run bench:transfer -- [--case NAME]… [--rounds N] [--full | --quick] [--tools granary,s5cmd,rclone,aws] [--json FILE]
 *
 * Prints medians and ratios and writes every run as JSON. Fails if a copy differs from its source; never because something is slow.
 */
import { execFileSync, spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { dataSets, makeDataSet, type Planned } from './lib/data.ts'
import { measure } from './lib/measure.ts'
import { type CaseResult, conditions, table } from './lib/report.ts'
import { openScratch } from './lib/scratch.ts'
import { type Server, startGcs, startS3 } from './lib/servers.ts'
import { ensureTools, type Task, type Tool, type ToolName, toolsFor } from './lib/tools.ts'

const cases = [
  ...['small', 'tiny', 'big', 'huge', 'directories', 'images'].flatMap((set) => [
    { name: `download-${set}`, set, do: 'download', over: 's3' },
    { name: `upload-${set}`, set, do: 'upload', over: 's3' },
  ]),
  { name: 'tls-download-small', set: 'small', do: 'download', over: 'tls' },
  { name: 'tls-download-big', set: 'big', do: 'download', over: 'tls' },
  { name: 'tls-upload-small', set: 'small', do: 'upload', over: 'tls' },
  { name: 'gcs-download-small', set: 'small', do: 'download', over: 'gcs' },
  { name: 'gcs-download-big', set: 'big', do: 'download', over: 'gcs' },
  { name: 'gcs-upload-small', set: 'small', do: 'upload', over: 'gcs' },
] as { name: string; set: string; do: 'download' | 'upload'; over: 's3' | 'tls' | 'gcs' }[]

const { values } = parseArgs({
  options: {
    case: { type: 'string', multiple: true },
    rounds: { type: 'string', default: '5' },
    full: { type: 'boolean', default: false },
    quick: { type: 'boolean', default: false },
    tools: { type: 'string', default: 'granary,s5cmd,rclone,aws' },
    json: { type: 'string', default: 'bench-transfer.json' },
  },
})
const unknown = values.case?.filter((name) => !cases.some((each) => each.name === name)) ?? []
if (unknown.length > 0)
  throw new Error(`no case ${unknown.join(', ')}; there are ${cases.map(({ name }) => name).join(', ')}`)
const rounds = values.quick ? 1 : Number(values.rounds)
const amount = values.quick ? 'quick' : values.full ? 'full' : 'usual'
/** Who took so many times as long as the quickest in the first round is no match, and is spared the others. */
const patience = 4
const wanted = values.tools.split(',') as ToolName[]
const log = (line: string) => console.error(line)

const { dir, memory, close } = openScratch()
const results: CaseResult[] = []
const sets = dataSets(amount)
const planned = new Map<string, Planned[]>()

/** The files of a data set on this machine; the only copy at a time, since some are big. */
const prepare = (set: string): string => {
  const files = sets[set]!()
  planned.set(set, files)
  const root = join(memory, 'source', set)
  makeDataSet(root, files)
  return root
}

const same = (source: string, copy: string) => {
  const { status, stdout } = spawnSync('diff', ['-rq', '--no-dereference', source, copy], { encoding: 'utf8' })
  if (status !== 0) throw new Error(`the copy differs from its source:\n${stdout.slice(0, 1000)}`)
}

const environment = (tool: Tool, task: Task): Record<string, string> => ({
  PATH: process.env.PATH ?? '',
  HOME: task.scratch,
  ...task.server.env,
  ...tool.env(task),
})

let uploads = 0

/** What is at a prefix of a server whose files nobody can see, brought here by Granary. */
const fetched = async (server: Server, prefix: string, scratch: string): Promise<string> => {
  const directory = join(memory, 'target')
  const task: Task = { do: 'download', server, prefix, directory, scratch }
  const tool = toolsFor('download', server.kind).granary![0]!
  await measure(dir, tool.command(task), environment(tool, task))
  return directory
}

/** One run of one tool: into an empty place, checked, and removed again. */
const once = async (tool: Tool, what: (typeof cases)[number], server: Server, source: string) => {
  const scratch = mkdtempSync(join(dir, 'scratch-'))
  const target = join(memory, 'target')
  const up = what.do === 'upload'
  // A new one each time: nobody finds there what another brought.
  const prefix = up ? `upload-${uploads++}` : what.set
  const task: Task = { do: what.do, server, prefix, directory: up ? source : target, scratch }
  if (!up) mkdirSync(target)
  try {
    const measured = await measure(dir, tool.command(task), environment(tool, task))
    if (!up) same(source, target)
    else same(source, server.filesOf?.(prefix) ?? (await fetched(server, prefix, scratch)))
    return measured
  } finally {
    rmSync(scratch, { recursive: true, force: true })
    rmSync(target, { recursive: true, force: true })
    if (up) server.filesOf && rmSync(server.filesOf(prefix), { recursive: true, force: true })
  }
}

/** Brings the data to the server, by Granary, which says what it moved. */
const seed = async (server: Server, set: string, source: string) => {
  const scratch = mkdtempSync(join(dir, 'seed-'))
  const task: Task = { do: 'upload', server, prefix: set, directory: source, scratch }
  const tool = toolsFor('upload', server.kind).granary![0]!
  await measure(dir, tool.command(task), environment(tool, task))
}

const runCase = async (what: (typeof cases)[number]) => {
  const source = prepare(what.set)
  const home = join(dir, `server-${what.name}`)
  const server = what.over === 'gcs' ? await startGcs() : await startS3(home, what.over === 'tls')
  const files = planned.get(what.set)!
  const result: CaseResult = {
    case: what.name,
    files: files.length,
    bytes: files.reduce((sum, { size }) => sum + size, 0),
    runs: {},
  }
  try {
    if (what.do === 'download') await seed(server, what.set, source)
    let tools = Object.entries(toolsFor(what.do, server.kind)).flatMap(([name, ways]) =>
      wanted.includes(name as ToolName) ? ways : [],
    )
    for (let run = 0; run < rounds; run++) {
      // Nobody is always the first, or always behind the same one.
      for (const tool of [...tools.slice(run % tools.length), ...tools.slice(0, run % tools.length)]) {
        const measured = await once(tool, what, server, source)
        log(
          `${what.name} ${run + 1}/${rounds} ${tool.name}: ${measured.wall.toFixed(2)} s, ${measured.cpu.toFixed(2)} s CPU`,
        )
        result.runs[tool.name] = [...(result.runs[tool.name] ?? []), measured]
      }
      const wallOf = ({ name }: Tool) => result.runs[name]![0]!.wall
      const quickest = Math.min(...tools.map(wallOf))
      tools = tools.filter((tool) => tool.name === 'granary' || wallOf(tool) <= patience * quickest)
    }
  } finally {
    await server.stop()
    rmSync(home, { recursive: true, force: true })
    rmSync(join(memory, 'source'), { recursive: true, force: true })
  }
  results.push(result)
  console.log(table(result))
  writeFileSync(values.json, JSON.stringify({ conditions: conditions(), amount, results }, undefined, 2))
}

try {
  await ensureTools(wanted, log)
  execFileSync('python3', ['--version'])
  for (const what of cases) if (values.case === undefined || values.case.includes(what.name)) await runCase(what)
} finally {
  close()
}
