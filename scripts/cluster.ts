import { spawn } from 'node:child_process'
import { daemonLog, startedDaemons } from './cluster/daemon.ts'
import { down } from './cluster/down.ts'
import { clusterEnvironment, otherCluster } from './cluster/environment.ts'
import { programPath } from './cluster/programs.ts'
import { status } from './cluster/status.ts'
import { summary, up } from './cluster/up.ts'

const usage = `npm run cluster -- up | down | status | env | logs NAME [-f]

  up      makes the cluster: starts it, or loads the changed image into the one that runs
  down    ends it and removes everything it left
  status  says what runs
  env     prints shell exports: KUBECONFIG and the S3 server's AWS_* variables
  logs    prints the log of one of its programs; with -f it goes on as the log grows`

const say = (line: string) => console.log(line)

const timed = async (what: string, work: () => Promise<void>) => {
  const start = Date.now()
  await work()
  say(`${what} in ${((Date.now() - start) / 1000).toFixed(1)} s`)
}

const commands: Record<string, (...args: string[]) => Promise<number>> = {
  up: async () => {
    const other = otherCluster()
    if (other) {
      say(`KUBECONFIG names ${other}: that cluster is used and nothing is started.`)
      return 0
    }
    await timed('cluster up', () => up(say))
    for (const line of summary(programPath('kubectl'))) say(line)
    return 0
  },
  down: async () => {
    await timed('cluster down', () => down(say))
    return 0
  },
  status: async () => {
    const { usable, lines } = status()
    for (const line of lines) say(line)
    return usable ? 0 : 1
  },
  env: async () => {
    for (const [name, value] of Object.entries(clusterEnvironment())) say(`export ${name}='${value}'`)
    return 0
  },
  logs: async (name, follow) => {
    if (!name || !startedDaemons().includes(name)) {
      console.error(`logs of which? ${startedDaemons().join(' ') || 'No cluster runs.'}`)
      return 2
    }
    const child = spawn('tail', ['-n', '+1', ...(follow === '-f' ? ['-F'] : []), daemonLog(name)], { stdio: 'inherit' })
    return new Promise((resolve) => child.on('exit', (code) => resolve(code ?? 0)))
  },
}

const [name = '', ...args] = process.argv.slice(2)
const command = commands[name]
if (command === undefined) {
  console.error(usage)
  process.exitCode = 2
} else {
  try {
    process.exitCode = await command(...args)
  } catch (error) {
    console.error(error instanceof Error ? error.message : error)
    process.exitCode = 1
  }
}
