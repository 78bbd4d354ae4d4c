import { cpus, loadavg, totalmem } from 'node:os'
import { type Measured, medians } from './measure.ts'

/** All runs of one case, by tool. */
export interface CaseResult {
  case: string
  files: number
  bytes: number
  runs: Record<string, Measured[]>
}

export interface Row extends Measured {
  tool: string
  /** How often it ran. */
  runs: number
  /** How many times as long, and as much, as Granary. */
  wallRatio: number
  cpuRatio: number
}

export const rowsOf = (result: CaseResult): Row[] => {
  const own = medians(result.runs.granary ?? [])
  return Object.entries(result.runs).map(([tool, runs]) => {
    const row = medians(runs)
    return { tool, runs: runs.length, ...row, wallRatio: row.wall / own.wall, cpuRatio: row.cpu / own.cpu }
  })
}

const cells = (row: Row): string[] => [
  row.tool,
  String(row.runs),
  row.wall.toFixed(2),
  row.cpu.toFixed(2),
  row.memory.toFixed(0),
  row.wallRatio.toFixed(2),
  row.cpuRatio.toFixed(2),
]

/** A table in Markdown. Ratios above 1: Granary takes less. */
export const table = (result: CaseResult): string => {
  const lines = [
    `### ${result.case}: ${result.files} files, ${(result.bytes / 2 ** 20).toFixed(0)} MiB, medians`,
    '',
    '| tool | runs | seconds | CPU seconds | peak MiB | seconds to Granary’s | CPU to Granary’s |',
    '|---|---|---|---|---|---|---|',
    ...rowsOf(result).map((row) => `| ${cells(row).join(' | ')} |`),
    '',
  ]
  return lines.join('\n')
}

/** What the figures were measured on. */
export const conditions = () => ({
  date: new Date().toISOString(),
  cores: cpus().length,
  cpu: cpus()[0]?.model,
  memoryGiB: Math.round(totalmem() / 2 ** 30),
  node: process.version,
  load: loadavg().map((each) => Number(each.toFixed(1))),
})
