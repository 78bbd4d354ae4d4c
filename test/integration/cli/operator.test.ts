import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { dirname, join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { createCertificate } from '../../../scripts/cluster/certs.ts'
import { writeKubeconfig } from '../../../scripts/cluster/kubeconfig.ts'
import { Dataset } from '../../../src/api/kinds.ts'
import type { KubeClient } from '../../../src/kube/client.ts'
import { type Connection, connect } from '../../../src/kube/connection.ts'
import { createClient } from '../../../src/kube/http-client.ts'
import type { Condition, Kind, KubeObject } from '../../../src/kube/types.ts'
import { type ApiServer, startApiServer } from '../../helpers/api-server.ts'
import { freePort, until } from '../../helpers/child.ts'
import { connectObjects, readManifests } from '../../helpers/objects.ts'

const leaseKind: Kind = { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', plural: 'leases', namespaced: true }

let server: ApiServer
let connection: Connection
let client: KubeClient
let kubeconfig: string

beforeAll(async () => {
  server = await startApiServer()
  connection = connect(server.kubeconfig)
  client = createClient({ connection })
  for (const name of ['granary-system', 'vision'])
    await client.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name } })
  const objects = connectObjects(server)
  await objects.installCrds()
  for (const file of ['cluster-role', 'leader-election'])
    for (const manifest of await readManifests(`${import.meta.dirname}/../../../config/rbac/${file}.yaml`))
      expect(await objects.apply(manifest)).toMatchObject({ status: 201 })
  await objects.close()
  // Whom the operator's ServiceAccount is to RBAC: it runs here with what config/rbac grants, and no more.
  const certificates = dirname(server.kubeconfig)
  await createCertificate(certificates, {
    name: 'operator',
    commonName: 'system:serviceaccount:granary-system:granary',
  })
  kubeconfig = join(certificates, 'operator-kubeconfig')
  await writeKubeconfig(kubeconfig, { server: server.url, certificates, user: 'operator' })
}, 900_000)

afterAll(async () => {
  await connection?.close()
  await server?.stop()
})

const running: Operator[] = []
afterEach(async () => {
  for (const operator of running.splice(0)) await operator.stop()
})

class Operator {
  output = ''
  readonly #child: ChildProcess
  readonly #metrics: number
  readonly #health: number

  constructor(ports: number[], flags: string[] = []) {
    const [metrics = 0, health = 0] = ports
    this.#metrics = metrics
    this.#health = health
    const addresses = [`--metrics-address=127.0.0.1:${metrics}`, `--health-address=127.0.0.1:${health}`]
    const args = [
      'src/main.ts',
      'operator',
      '--mover-image=mover',
      `--kubeconfig=${kubeconfig}`,
      ...addresses,
      ...flags,
    ]
    this.#child = spawn(process.execPath, args, { env: { PATH: process.env.PATH }, stdio: ['ignore', 'pipe', 'pipe'] })
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => {
        this.output += text
      })
    }
  }

  static async start(...flags: string[]) {
    const operator = new Operator([await freePort(), await freePort()], flags)
    running.push(operator)
    return operator
  }

  get(path: '/healthz' | '/readyz' | '/metrics') {
    return fetch(`http://127.0.0.1:${path === '/metrics' ? this.#metrics : this.#health}${path}`)
  }

  ready() {
    return until('the operator to be ready', async () => (await this.get('/readyz')).ok, 60)
  }

  /** Sum of a counter over its labels, as far as they match. */
  async count(name: string, labels = ''): Promise<number> {
    const lines = (await (await this.get('/metrics')).text()).split('\n')
    const matching = lines.filter((line) => line.startsWith(name) && line.includes(labels))
    return matching.reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0)
  }

  async stop(): Promise<number | null> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return this.#child.exitCode
    const ended = once(this.#child, 'exit')
    this.#child.kill('SIGTERM')
    const [code] = await ended
    return code as number | null
  }
}

interface Sets extends KubeObject {
  status?: { conditions?: Condition[] }
}
const dataset = (name: string): KubeObject => ({
  apiVersion: Dataset.apiVersion,
  kind: 'Dataset',
  metadata: { name, namespace: 'vision' },
})
const create = (name: string) => client.create({ ...dataset(name), spec: {} })
const ready = async (name: string) =>
  (await client.get<Sets>({ kind: Dataset, namespace: 'vision', name })).status?.conditions?.find(
    ({ type }) => type === 'Ready',
  )

describe('the operator as a process', () => {
  test('takes the lease, tells a Dataset what is missing, and lets go of the lease when it is stopped', async () => {
    const operator = await Operator.start()
    await operator.ready()
    await create('mnist')
    await until('the condition', async () => (await ready('mnist'))?.reason === 'NoStore', 60)
    const lease = { kind: leaseKind, namespace: 'granary-system', name: 'granary' }
    const holder = async () =>
      (await client.get<KubeObject & { spec: { holderIdentity: string } }>(lease)).spec.holderIdentity
    expect(await holder()).not.toBe('')
    expect(await operator.count('granary_leader')).toBe(1)
    expect(await operator.stop()).toBe(0)
    expect(await holder()).toBe('')
    const lines = operator.output
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { level: string })
    expect(lines.filter(({ level }) => level === 'error')).toEqual([])
  })

  test('without a lease to renew, a quiet operator asks the API server nothing', async () => {
    const operator = await Operator.start('--leader-elect=false')
    await operator.ready()
    await create('cifar')
    await until('the condition', async () => (await ready('cifar'))?.reason === 'NoStore', 60)
    const requests = () => operator.count('granary_api_requests_total')
    const start = await requests()
    expect(start).toBeGreaterThan(0)
    let [last, since] = [start, Date.now()]
    const stillFor = async (ms: number) => {
      const now = await requests()
      if (now !== last) [last, since] = [now, Date.now()]
      return Date.now() - since >= ms
    }
    await until('the requests to stand still', () => stillFor(3000), 60)
    expect(await operator.count('granary_api_requests_total', 'code="403"')).toBe(0)
    expect(await operator.count('granary_relists_total')).toBe(0)
    await operator.stop()
  })

  test('two of them: one works, the other one is ready and takes over', async () => {
    const first = await Operator.start()
    await until('the first to lead', async () => (await first.count('granary_leader').catch(() => 0)) === 1, 60)
    const second = await Operator.start()
    await second.ready()
    expect(await second.count('granary_leader')).toBe(0)
    await first.stop()
    await until('the second to lead', async () => (await second.count('granary_leader')) === 1, 60)
    await create('svhn')
    await until('the condition', async () => (await ready('svhn'))?.reason === 'NoStore', 60)
    expect(await second.stop()).toBe(0)
  })
})
