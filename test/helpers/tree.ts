import { chmod, lstat, mkdir, mkdtemp, readdir, readFile, readlink, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { onTestFinished } from 'vitest'
import type { Content } from './stored-version.ts'

/** A directory that is removed when the test is over. */
export const temporaryDir = async (): Promise<string> => {
  const dir = await mkdtemp(join(tmpdir(), 'granary-test-'))
  onTestFinished(() => rm(dir, { recursive: true, force: true }))
  return dir
}

/** Writes files below a directory. */
export const plant = async (dir: string, files: Record<string, Content>): Promise<void> => {
  for (const [path, content] of Object.entries(files)) {
    const full = join(dir, path)
    await mkdir(dirname(full), { recursive: true })
    if (typeof content === 'string' || Buffer.isBuffer(content)) await writeFile(full, content)
    else if ('link' in content) await symlink(content.link, full)
    else {
      await writeFile(full, content.executable)
      await chmod(full, 0o755)
    }
  }
}

/** All that is below a directory: files with octal mode and text, links with their target, directories with their mode. */
export const look = async (dir: string, prefix = ''): Promise<Record<string, string>> => {
  const seen: Record<string, string> = {}
  for (const name of await readdir(join(dir, prefix))) {
    const path = join(prefix, name)
    const stats = await lstat(join(dir, path))
    const mode = (stats.mode & 0o777).toString(8)
    if (stats.isDirectory()) Object.assign(seen, { [`${path}/`]: mode }, await look(dir, path))
    else if (stats.isSymbolicLink()) seen[path] = `-> ${await readlink(join(dir, path))}`
    else seen[path] = `${mode} ${await readFile(join(dir, path), 'utf8')}`
  }
  return seen
}
