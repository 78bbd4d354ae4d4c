import { execFileSync } from 'node:child_process'
import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { cacheDir, repository } from '../../scripts/cluster/paths.ts'
import { ensurePrograms, programPath } from '../../scripts/cluster/programs.ts'
import type { Server } from './servers.ts'

export type ToolName = 'granary' | 's5cmd' | 'rclone' | 'aws'

/** What a tool has to do; `prefix` is without a slash at its end. */
export interface Task {
  do: 'download' | 'upload' | 'sync'
  server: Server
  prefix: string
  directory: string
  /** Of the tool alone; kept from run to run only for `sync`. */
  scratch: string
}

export interface Tool {
  name: string
  command(task: Task): string[]
  env(task: Task): Record<string, string>
}

const awsVersion = '1.46.3'
const awsDir = join(cacheDir, `awscli-${awsVersion}`)
const transfers = '32'

const place = ({ server, prefix }: Task) => `${server.kind}://${server.bucket}/${prefix}/`
const ends = <T>(task: Task, remote: T, local: T): [T, T] => (task.do === 'upload' ? [local, remote] : [remote, local])

const granary: Tool = {
  name: 'granary',
  command: (task) => [
    ...[process.execPath, '--max-semi-space-size=8', join(repository, 'dist', 'main.js'), 'cp', '--json'],
    ...ends(task, place(task), task.directory),
  ],
  env: ({ scratch }) => ({ XDG_STATE_HOME: join(scratch, 'state') }),
}

const s5cmd = (name: string, flags: string[] = []): Tool => ({
  name,
  command: (task) => [
    ...[programPath('s5cmd'), '--log', 'error', '--endpoint-url', task.server.endpoint],
    ...[task.do === 'sync' ? 'sync' : 'cp', ...flags],
    ...ends(task, `${place(task)}*`.replace(task.do === 'upload' ? /\*$/ : '', ''), `${task.directory}/`),
  ],
  env: () => ({}),
})

const rclone = (name: string, flags: string[] = []): Tool => ({
  name,
  command: (task) => [
    ...[programPath('rclone'), '--config', '/dev/null', '--transfers', transfers, '--checkers', transfers],
    ...(task.server.caFile === undefined ? [] : ['--ca-cert', task.server.caFile]),
    ...[...flags, task.do === 'sync' ? 'sync' : 'copy'],
    ...ends(task, `bench:${task.server.bucket}/${task.prefix}`, task.directory),
  ],
  env: ({ server }): Record<string, string> =>
    server.kind === 's3'
      ? {
          RCLONE_CONFIG_BENCH_TYPE: 's3',
          RCLONE_CONFIG_BENCH_PROVIDER: 'Other',
          RCLONE_CONFIG_BENCH_ENV_AUTH: 'true',
          RCLONE_CONFIG_BENCH_ENDPOINT: server.endpoint,
          RCLONE_CONFIG_BENCH_FORCE_PATH_STYLE: 'true',
          RCLONE_CONFIG_BENCH_NO_CHECK_BUCKET: 'true',
        }
      : {
          RCLONE_CONFIG_BENCH_TYPE: 'google cloud storage',
          RCLONE_CONFIG_BENCH_ANONYMOUS: 'true',
          RCLONE_CONFIG_BENCH_ENDPOINT: `${server.endpoint}/storage/v1/`,
          RCLONE_CONFIG_BENCH_NO_CHECK_BUCKET: 'true',
          RCLONE_CONFIG_BENCH_BUCKET_POLICY_ONLY: 'true',
        },
})

const aws = (name: string, flags: string[] = []): Tool => ({
  name,
  command: (task) => [
    ...[join(awsDir, 'bin', 'aws'), 's3', task.do === 'sync' ? 'sync' : 'cp', '--only-show-errors', ...flags],
    ...(task.do === 'sync' ? [] : ['--recursive']),
    ...ends(task, place(task), task.directory),
  ],
  env: ({ scratch }) => {
    const config = join(scratch, 'aws-config')
    writeFileSync(config, `[default]\ns3 =\n  max_concurrent_requests = ${transfers}\n  addressing_style = path\n`)
    return { AWS_CONFIG_FILE: config }
  },
})

/** The tools of a task; the slower ways of those that know several are left to whoever wants to see them. */
export const toolsFor = (what: Task['do'], kind: Server['kind']): Partial<Record<ToolName, Tool[]>> => {
  if (kind === 'gs') return { granary: [granary], rclone: [rclone('rclone')] }
  if (what !== 'sync')
    return { granary: [granary], s5cmd: [s5cmd('s5cmd')], rclone: [rclone('rclone')], aws: [aws('aws')] }
  return {
    granary: [granary],
    s5cmd: [s5cmd('s5cmd'), s5cmd('s5cmd --size-only', ['--size-only'])],
    rclone: [rclone('rclone'), rclone('rclone --fast-list --size-only', ['--fast-list', '--size-only'])],
    aws: [aws('aws')],
  }
}

/** Builds what is missing of the tools, this program included. */
export const ensureTools = async (names: readonly ToolName[], log: (line: string) => void): Promise<void> => {
  execFileSync(process.execPath, [join(repository, 'scripts', 'build.ts')], { stdio: 'inherit' })
  await ensurePrograms(
    (['s5cmd', 'rclone'] as const).filter((name) => names.includes(name)),
    log,
  )
  if (!names.includes('aws') || existsSync(join(awsDir, 'bin', 'aws'))) return
  log(`installing awscli ${awsVersion} …`)
  execFileSync('python3', ['-m', 'venv', awsDir])
  execFileSync(join(awsDir, 'bin', 'pip'), ['install', '--quiet', `awscli==${awsVersion}`], { stdio: 'inherit' })
}
