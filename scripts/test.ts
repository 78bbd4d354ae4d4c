/**
 * `make test`: check, then the three layers of tests, one after the other, each with its time; failed tests by name at the end.
 * The layers all run even when one fails, so that one run tells everything. A file that failed in a layer is run once more on its own:
 * what passes then is listed as unsteady, so that a busy machine is told from a defect and nothing is hidden.
 */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { otherCluster } from './cluster/environment.ts'
import { whyNoServers, whyUnsuitable } from './cluster/prerequisites.ts'

interface Report {
  numPassedTests: number
  numFailedTests: number
  testResults: {
    name: string
    status: string
    message?: string
    assertionResults: { fullName: string; status: string }[]
  }[]
}

/** More failed files than this are no accident: they are not run again. */
const maxRerun = 3

const only = process.argv.slice(2)
const scratch = mkdtempSync(join(tmpdir(), 'granary-test-'))
const failures: string[] = []
const unsteady: string[] = []
let passed = 0

function timed(name: string, run: () => boolean): boolean {
  console.log(`\n== ${name}`)
  const started = Date.now()
  const ok = run()
  console.log(`== ${name}: ${ok ? 'ok' : 'FAILED'} in ${Math.round((Date.now() - started) / 1000)} s`)
  return ok
}

function vitest(layer: string, files: string[]): Report | undefined {
  const file = join(scratch, `${layer}-${files.length}.json`)
  const args = [
    'run',
    '--project',
    layer,
    '--reporter=default',
    '--reporter=json',
    `--outputFile.json=${file}`,
    ...files,
  ]
  spawnSync('vitest', args, { stdio: ['ignore', 'inherit', 'inherit'] })
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as Report
  } catch {
    return undefined
  }
}

function failedFiles(report: Report): string[] {
  return report.testResults.filter((file) => file.status !== 'passed').map((file) => file.name)
}

function namesOf(report: Report, status: string): string[] {
  return report.testResults.flatMap((file) => {
    const tests = file.assertionResults.filter((test) => test.status === status)
    const place = relative(process.cwd(), file.name)
    if (tests.length > 0) return tests.map((test) => `${place}: ${test.fullName}`)
    return status === 'failed' && file.status !== 'passed' ? [`${place}: ${file.message ?? 'did not load'}`] : []
  })
}

function layer(name: string): boolean {
  const report = vitest(name, [])
  if (report === undefined) {
    failures.push(`${name}: the test runner ended without a report`)
    return false
  }
  const files = failedFiles(report)
  passed += report.numPassedTests
  if (files.length === 0) return report.numPassedTests > 0
  const first = namesOf(report, 'failed')
  if (files.length > maxRerun) {
    failures.push(...first)
    return false
  }
  console.log(`== ${name}: once more: ${files.map((file) => relative(process.cwd(), file)).join(', ')}`)
  const again = vitest(name, files)
  const still = again === undefined ? first : namesOf(again, 'failed')
  failures.push(...still)
  unsteady.push(...first.filter((test) => !still.includes(test)))
  passed += first.length - Math.min(first.length, still.length)
  return still.length === 0
}

const steps: [string, () => boolean][] = [
  ['check', () => spawnSync('npm', ['run', '-s', 'check'], { stdio: ['ignore', 'inherit', 'inherit'] }).status === 0],
  ['unit', () => layer('unit')],
  ['integration', () => layer('integration')],
  ['e2e', () => layer('e2e')],
]

/** Why this machine can't run a layer, which is then left out and said so. */
const reasons: Record<string, string | undefined> = {
  integration: await whyNoServers(),
  e2e: otherCluster() ? undefined : await whyUnsuitable(),
}
const skipped: string[] = []

let good = true
for (const [name, run] of steps) {
  if (only.length > 0 && !only.includes(name)) continue
  const reason = reasons[name]
  if (reason !== undefined) skipped.push(`${name}: ${reason}`)
  else if (!timed(name, run)) {
    good = false
    if (name === 'check') failures.push('check: see above')
  }
}
rmSync(scratch, { recursive: true, force: true })
if (skipped.length > 0) console.log(`\nSkipped:\n  ${skipped.join('\n  ')}`)
if (unsteady.length > 0) console.log(`\nUnsteady (failed once, passed when run again):\n  ${unsteady.join('\n  ')}`)
if (failures.length > 0) console.log(`\nFailed:\n  ${failures.join('\n  ')}`)
console.log(`\n${passed} passed, ${failures.length} failed`)
process.exitCode = good ? 0 : 1
