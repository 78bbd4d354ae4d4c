import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { stateDir } from './paths.ts'

// The kubelet sets these for the whole machine, which no namespace holds.
const keys = ['root_maxkeys', 'root_maxbytes'].map((name) => `kernel/keys/${name}`)
const settings = ['vm/overcommit_memory', 'kernel/panic', 'kernel/panic_on_oops', ...keys]

const saved = join(stateDir, 'kernel-settings.json')
const file = (setting: string) => join('/proc/sys', setting)

/** Notes the kernel's settings before the cluster changes them. */
export const saveKernelSettings = async (): Promise<void> => {
  await mkdir(stateDir, { recursive: true })
  const values = await Promise.all(
    settings.map(async (name) => [name, await readFile(file(name), 'utf8').catch(() => '')]),
  )
  await writeFile(saved, JSON.stringify(Object.fromEntries(values)))
}

/** Sets them back to what was noted; does nothing when nothing was. */
export const restoreKernelSettings = async (): Promise<void> => {
  const values = await readFile(saved, 'utf8').catch(() => '{}')
  for (const [name, value] of Object.entries(JSON.parse(values) as Record<string, string>)) {
    if (value) await writeFile(file(name), value).catch(() => {})
  }
}
