import { existsSync, readdirSync } from 'node:fs'
import { mkdir, readdir, readFile, rmdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

const root = '/sys/fs/cgroup'
const name = 'granary-cluster'

/** Control group under which the kubelet makes those of pods. */
export const podCgroup = `/${name}`

const unified = () => existsSync(join(root, 'cgroup.controllers'))

// On a machine with version 1 there is a tree for each controller; links such as cpu,cpuacct are the same tree twice.
const trees = (): string[] => (unified() ? [root] : readdirSync(root).map((tree) => join(root, tree)))

/** Makes the group in every hierarchy. */
export const createCgroups = async (): Promise<void> => {
  for (const tree of trees()) {
    const group = join(tree, name)
    await mkdir(group, { recursive: true }).catch(() => {})
    // A cpuset of version 1 starts empty and admits no process until it is told.
    for (const file of ['cpuset.cpus', 'cpuset.mems']) {
      if (unified() || !existsSync(join(group, file))) continue
      await writeFile(join(group, file), await readFile(join(tree, file), 'utf8'))
    }
  }
  if (!unified()) return
  const controllers = (await readFile(join(root, 'cgroup.controllers'), 'utf8')).trim().split(' ')
  for (const group of [root, join(root, name)]) {
    for (const controller of controllers) {
      // One that this machine doesn't hand down (rdma, misc) is not missed; the kubelet names what it needs.
      await writeFile(join(group, 'cgroup.subtree_control'), `+${controller}`).catch(() => {})
    }
  }
}

/** Removes the group with all below it; every process in it must have ended. */
export const removeCgroups = async (): Promise<void> => {
  for (const tree of trees()) await removeGroup(join(tree, name))
}

const removeGroup = async (dir: string): Promise<void> => {
  const entries = await readdir(dir, { withFileTypes: true }).catch(() => [])
  for (const entry of entries) if (entry.isDirectory()) await removeGroup(join(dir, entry.name))
  await rmdir(dir).catch(() => {})
}
