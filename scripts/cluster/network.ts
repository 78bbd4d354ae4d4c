import type { ProcessIdentity } from './processes.ts'
import { enterArguments } from './sandbox.ts'
import { run } from './shell.ts'

/** Addresses of the test cluster. */
export const network = {
  /** The machine as pods see it: what a test serves on this address (or on 0.0.0.0), pods reach. */
  host: '10.214.0.1',
  /** The node and the API server, and the S3 server, from the machine and from pods. */
  node: '10.213.0.1',
  secondNode: '10.213.255.1',
  pods: '10.213.0.0/16',
  /** First and last addresses of pods, for each node. */
  podRanges: [
    ['10.213.0.2', '10.213.127.254'],
    ['10.213.128.1', '10.213.254.254'],
  ],
  services: '10.96.0.0/16',
  /** The API server's service, from pods. */
  apiService: '10.96.0.1',
} as const

const link = { hostName: 'granary-host', host: `${network.host}/30`, inside: '10.214.0.2' }

const secondLink = 'granary-node-2'

/** Name of the bridge of each node that its pods are plugged into. */
export const bridgeName = 'granary0'

/** Joins the sandbox to the machine, and makes the bridge for pods. The interfaces vanish with the sandbox. */
export const createNetwork = async (sandbox: ProcessIdentity): Promise<void> => {
  const outside = (command: string) => run('ip', command.split(' '))
  const inside = (command: string) => run('nsenter', enterArguments(sandbox, command.split(' ')))
  await outside(`link add ${link.hostName} type veth peer name uplink netns ${sandbox.pid}`)
  await outside(`address add ${link.host} dev ${link.hostName}`)
  await outside(`link set ${link.hostName} up`)
  await inside(`ip address add ${link.inside}/30 dev uplink`)
  await inside('ip link set uplink up')
  await inside(`ip route add default via ${network.host}`)
  await inside(`ip link add ${bridgeName} type bridge`)
  await inside(`ip address add ${network.node}/16 dev ${bridgeName}`)
  await inside(`ip link set ${bridgeName} up`)
  await inside('sysctl -qw net.ipv4.ip_forward=1')
  await outside(`route add ${network.pods} via ${link.inside}`)
}

/**
 * Plugs the second node's bridge into the first one's: one link for the pods of both, on which the first node is the gateway. So services are its
 * kube-proxy's affair alone.
 */
export const createSecondNetwork = async (sandbox: ProcessIdentity, second: ProcessIdentity): Promise<void> => {
  const outside = (command: string) => run('ip', command.split(' '))
  const inside = (place: ProcessIdentity, command: string) => run('nsenter', enterArguments(place, command.split(' ')))
  await outside(`link add ${secondLink} netns ${sandbox.pid} type veth peer name uplink netns ${second.pid}`)
  await inside(sandbox, `ip link set ${secondLink} master ${bridgeName} up`)
  await inside(second, `ip link add ${bridgeName} type bridge`)
  await inside(second, `ip link set uplink master ${bridgeName} up`)
  await inside(second, `ip address add ${network.secondNode}/16 dev ${bridgeName}`)
  await inside(second, `ip link set ${bridgeName} up`)
  await inside(second, `ip route add default via ${network.node}`)
}

/** Removes the machine's end of a link whose sandbox died a moment ago, which the kernel does a little later. */
export const removeNetwork = async (): Promise<void> => {
  await run('ip', ['link', 'delete', link.hostName]).catch(() => {})
}
