import { existsSync } from 'node:fs'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type ClusterApi, openApi } from './api.ts'
import { createCgroups } from './cgroups.ts'
import { apiServer, apiServerUrl, controllerManager, createCredentials, etcd, scheduler } from './control-plane.ts'
import { drivers } from './csi/drivers.ts'
import { type Daemon, daemonLogTail, daemonRuns, findDaemon, noteDaemon, startDaemon } from './daemon.ts'
import { definitionStamp } from './definition.ts'
import { removeCluster } from './down.ts'
import { loadGranaryImage, loadPauseImage } from './images.ts'
import { withLock } from './lock.ts'
import { createNetwork, createSecondNetwork } from './network.ts'
import { containerd, kubelet, kubeProxy, writeNodeSettings } from './node.ts'
import { firstNode, type NodePlace, nodes, secondNode } from './nodes.ts'
import { applySnapshotDefinitions, applyStorage } from './objects.ts'
import { containerdSocket, repository, statePaths } from './paths.ts'
import { ensurePrerequisites } from './prerequisites.ts'
import type { ProcessIdentity } from './processes.ts'
import { allPrograms, ensurePrograms } from './programs.ts'
import { createS3Access, readS3Access, versitygw } from './s3.ts'
import { createPlace, createSandbox, findSandbox, fromOutside } from './sandbox.ts'
import { run } from './shell.ts'
import { csiDriver, csiSnapshotter, snapshotController } from './snapshots.ts'
import { isComplete, stoppedDaemons } from './status.ts'
import { saveKernelSettings } from './sysctl.ts'
import { waitFor } from './wait.ts'

type Log = (line: string) => void

/** Starts the cluster when it isn't whole, and loads Granary's image when that changed. A whole one is never restarted. */
export const up = async (log: Log): Promise<void> => {
  await ensurePrerequisites(log)
  await ensurePrograms(allPrograms, log)
  await withLock(log, () => makeCurrent(log))
}

const makeCurrent = async (log: Log) => {
  await run(process.execPath, [`${repository}/scripts/build.ts`])
  const places = [findSandbox(), findDaemon(secondNode.name)].filter((place) => place !== undefined)
  if (places.length === nodes.length && isComplete() && stoppedDaemons().length === 0) {
    log(`the cluster runs${(await loadGranaryImage(places)) ? '; loaded the changed image granary:dev' : ''}`)
    if ((await readFile(statePaths.complete, 'utf8')) !== definitionStamp()) {
      log('its own scripts have changed since it was started; to use them: npm run cluster -- down, then up')
    }
    return
  }
  if (existsSync(statePaths.sandbox)) log('cleaning up what an earlier cluster left')
  await removeCluster()
  await start(log)
}

const start = async (log: Log) => {
  await saveKernelSettings()
  const sandbox = await createSandbox()
  await createNetwork(sandbox)
  const second = await createSecondPlace(sandbox)
  for (const { cgroup } of nodes) await createCgroups(cgroup)
  await createCredentials()
  await writeNodeSettings()
  await createS3Access()
  const begin = (daemon: Daemon) => startDaemon(sandbox, daemon)
  const onNodes = (daemon: (node: NodePlace) => Daemon) => {
    startDaemon(sandbox, daemon(firstNode))
    startDaemon(second, daemon(secondNode))
  }

  log('starting the control plane')
  begin(etcd())
  begin(apiServer())
  onNodes(containerd)
  begin(versitygw())
  const images = loadImages([sandbox, second])
  // What it throws is thrown below; until then it must not end the process.
  images.catch(() => {})
  const api = openApi()
  try {
    await answers('kube-apiserver', async () => (await api.text('/readyz')) === 'ok', 180)
    for (const daemon of [controllerManager(), scheduler(), kubeProxy()]) begin(daemon)
    log('starting the nodes')
    await images
    onNodes(kubelet)
    onNodes(csiDriver)
    await applyStorage(api)
    await applySnapshotDefinitions(api)
    begin(snapshotController())
    for (const node of nodes) await answers(csiDriver(node).name, () => driversRegistered(api, node), 180)
    begin(csiSnapshotter())
    for (const node of nodes) await answers(kubelet(node).name, () => nodeReady(api, node), 180)
    await answers('kube-controller-manager', () => defaultAccount(api), 60)
    await answers('versitygw', async () => (await fetch(readS3Access().endpoint)).status < 500, 30)
    for (const daemon of stoppedDaemons()) throw new Error(`${daemon} ended:\n${daemonLogTail(daemon)}`)
    await writeFile(statePaths.complete, definitionStamp())
  } finally {
    await api.close()
  }
}

const createSecondPlace = async (sandbox: ProcessIdentity) => {
  await mkdir(secondNode.dir, { recursive: true })
  const place = await createPlace(sandbox, join(secondNode.dir, 'pid'))
  noteDaemon(secondNode.name, place)
  await createSecondNetwork(sandbox, place)
  return place
}

const loadImages = async (places: ProcessIdentity[]) => {
  for (const [i, place] of places.entries()) {
    const socket = fromOutside(place, containerdSocket)
    await answers(containerd(nodes[i]!).name, async () => existsSync(socket), 120)
  }
  await loadPauseImage(places)
  await loadGranaryImage(places)
}

/** Waits until a daemon does its work; one that ended is reported at once, with the end of its log. */
const answers = (daemon: string, probe: () => Promise<boolean>, seconds: number) => {
  const attempt = async () => {
    if (!daemonRuns(daemon)) throw new Error(`${daemon} ended:\n${daemonLogTail(daemon)}`)
    return probe().catch(() => false)
  }
  return waitFor(`${daemon} (see: npm run cluster -- logs ${daemon})`, attempt, seconds)
}

const nodeReady = async (api: ClusterApi, { name }: NodePlace) => {
  const node = await api.get<{ status: { conditions?: { type: string; status: string }[] } }>(`/api/v1/nodes/${name}`)
  return node.status.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') ?? false
}

const driversRegistered = async (api: ClusterApi, { name }: NodePlace) => {
  const node = await api.get<{ spec: { drivers?: { name: string }[] } }>(`/apis/storage.k8s.io/v1/csinodes/${name}`)
  return Object.values(drivers).every((driver) => node.spec.drivers?.some((one) => one.name === driver.name))
}

// Pods are refused until the namespace has its service account.
const defaultAccount = async (api: ClusterApi) =>
  (await api.find('/api/v1/namespaces/default/serviceaccounts/default')) !== undefined

/** The lines that tell a person what there is now. */
export const summary = (kubectl: string): string[] => [
  `Kubernetes answers at ${apiServerUrl}, S3 at ${readS3Access().endpoint}.`,
  `kubectl is ${kubectl}`,
  'For your shell: eval "$(npm run -s cluster -- env)"',
]
