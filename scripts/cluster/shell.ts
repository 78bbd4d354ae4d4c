import { execFile } from 'node:child_process'
import { promisify } from 'node:util'

const execute = promisify(execFile)

/** Runs a program to its end and returns what it printed; an error carries what it said on stderr. `fine`: exit codes that are no error. */
export const run = async (program: string, args: readonly string[], fine: readonly number[] = [0]): Promise<string> => {
  try {
    const { stdout } = await execute(program, [...args], { maxBuffer: 64 * 1024 * 1024 })
    return stdout
  } catch (error) {
    const { code, stdout } = error as { code?: unknown; stdout?: string }
    if (typeof code === 'number' && fine.includes(code)) return stdout ?? ''
    const stderr = (error as { stderr?: string }).stderr?.trim() ?? ''
    throw new Error(`${program} ${args.join(' ')} failed: ${stderr || (error as Error).message}`)
  }
}
