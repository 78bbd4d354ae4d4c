import { mover } from './cli/mover.ts'

const commands: Record<string, () => Promise<number>> = { mover }

const command = commands[process.argv[2] ?? '']
if (command === undefined) {
  console.error(`usage: granary ${Object.keys(commands).join(' | ')}`)
  process.exit(2)
}
// Sockets that are kept alive, or a stalled upload, must not keep a finished program.
process.exit(await command())
