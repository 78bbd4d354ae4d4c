import { readdir, readFile } from 'node:fs/promises'

/** What the processes of movers were started with, as anybody on their node sees it. */
export interface MoverProcesses {
  movers: number
  /** Their arguments and environments. */
  text: string
}

/** Looks at the movers that run on this machine, again and again until `stop`. */
export const watchMovers = (): { stop(): Promise<MoverProcesses> } => {
  const seen = new Map<string, string>()
  const look = async (): Promise<void> => {
    for (const pid of (await readdir('/proc')).filter((name) => /^\d+$/.test(name))) {
      // A process may be gone, or not be ours to look at.
      const read = (name: string) => readFile(`/proc/${pid}/${name}`, 'utf8').catch(() => '')
      const command = await read('cmdline')
      if (!command.includes('mover') || seen.has(pid)) continue
      const environment = await read('environ')
      if (environment.includes('GRANARY_MOVE_SPEC')) seen.set(pid, command + environment)
    }
  }
  let looking = look()
  const timer = setInterval(() => {
    looking = looking.then(look)
  }, 100)
  timer.unref()
  return {
    async stop() {
      clearInterval(timer)
      await looking
      return { movers: seen.size, text: [...seen.values()].join('\n') }
    },
  }
}
