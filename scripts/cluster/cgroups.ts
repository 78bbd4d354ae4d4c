import { existsSync, readdirSync } from 'node:fs'
import { mkdir, readdir, readFile, rmdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

const root = '/sys/fs/cgroup'
/** Control group of the cluster, under which kubelets make those of pods. */
export const clusterCgroup = 'granary-cluster'

const unified = () => existsSync(join(root, 'cgroup.controllers'))

// On a machine with version 1 there is a tree for each controller; links such as cpu,cpuacct are the same tree twice.
const trees = (): string[] => (unified() ? [root] : readdirSync(root).map((tree) => join(root, tree)))

/** Makes a group, and those above it, in every hierarchy. */
export const createCgroups = async (path: string): Promise<void> => {
  const steps = path.split('/').filter((step) => step !== '')
  const groups = steps.map((_, i) => steps.slice(0, i + 1).join('/'))
  for (const tree of trees()) for (const group of groups) await createGroup(tree, join(tree, group))
  if (!unified()) return
  const controllers = (await readFile(join(root, 'cgroup.controllers'), 'utf8')).trim().split(' ')
  for (const group of [root, ...groups.map((one) => join(root, one))]) {
    for (const controller of controllers) {
      // One that this machine doesn't hand down (rdma, misc) is not missed; the kubelet names what it needs.
      await writeFile(join(group, 'cgroup.subtree_control'), `+${controller}`).catch(() => {})
    }
  }
}

const createGroup = async (tree: string, group: string): Promise<void> => {
  await mkdir(group, { recursive: true }).catch(() => {})
  // A cpuset of version 1 starts empty and admits no process until it is told.
  for (const file of ['cpuset.cpus', 'cpuset.mems']) {
    if (unified() || !existsSync(join(group, file))) continue
    await writeFile(join(group, file), await readFile(join(tree, file), 'utf8'))
  }
}

/** Removes the cluster's group with all below it; every process in it must have ended. */
export const removeCgroups = async (): Promise<void> => {
  for (const tree of trees()) await removeGroup(join(tree, clusterCgroup))
}

const removeGroup = async (dir: string): Promise<void> => {
  const entries = await readdir(dir, { withFileTypes: true }).catch(() => [])
  for (const entry of entries) if (entry.isDirectory()) await removeGroup(join(dir, entry.name))
  await rmdir(dir).catch(() => {})
}
