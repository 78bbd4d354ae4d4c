/**
 * What a volume of a version costs on the cluster: filled from the store, restored from the version's snapshot, and used a second time. Seconds from the claim to
 * Bound, bytes that came from the store, and how much later than with a plain volume a pod starts that reads it. What every volume holds is compared with what was
 * put into the bucket. Starts the cluster if it does not run; prints a table.
 *
 *     npm run bench:volumes -- [--mib N] [--files N] [--runs N] [--json FILE]
 */
import { createHash, randomBytes } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { clusterEnvironment } from '../scripts/cluster/environment.ts'
import { network } from '../scripts/cluster/network.ts'
import { firstNode } from '../scripts/cluster/nodes.ts'
import { up } from '../scripts/cluster/up.ts'
import { emptyBucket, makeBucket, putObject } from '../scripts/lib/objects.ts'
import { installOperator } from '../scripts/lib/operator.ts'
import { connect, until } from '../scripts/lib/session.ts'
import { Claim, DatasetVersion, Namespace, Pod, VolumeSnapshot } from '../src/api/kinds.ts'
import type { KubeObject } from '../src/api/meta.ts'
import { median } from './lib/measure.ts'
import { startMeter } from './lib/meter.ts'
import { conditions } from './lib/report.ts'

const { values } = parseArgs({
  options: {
    mib: { type: 'string', default: '256' },
    files: { type: 'string', default: '512' },
    runs: { type: 'string', default: '5' },
    json: { type: 'string', default: 'bench-volumes.json' },
  },
})
const [mebibytes, files, rounds] = [values.mib, values.files, values.runs].map(Number) as [number, number, number]
const name = 'granary-bench-volumes'
const say = (line: string) => console.error(line)

interface Seen extends KubeObject {
  status?: { phase?: string; readyToUse?: boolean }
}

await up(say)
const session = connect(clusterEnvironment())
await installOperator(session)
const store = new URL(session.env.AWS_ENDPOINT_URL_S3 ?? '')
const meter = await startMeter({ host: store.hostname, port: Number(store.port) })

const kubectl = (...args: string[]) => session.kubectl(['-n', name, ...args])
const phase = async (kind: typeof Claim, object: string, wanted: string) => {
  const is = async () => (await session.get<Seen>(kind, name, object))?.status?.phase === wanted
  await until(`${kind.kind} ${object} to be ${wanted}`, is, { seconds: 600 })
}

/** Makes the bucket, and says what `sha256sum` over its files in order of their names gives. */
const fillBucket = async (): Promise<string> => {
  await makeBucket(session.s3, name, false)
  const size = Math.floor((mebibytes * 2 ** 20) / files)
  const list = createHash('sha256')
  for (let i = 0; i < files; i++) {
    const [path, bytes] = [`${String(i).padStart(6, '0')}.bin`, randomBytes(size)]
    await putObject(session.s3, name, `raw/${path}`, bytes)
    list.update(`${createHash('sha256').update(bytes).digest('hex')}  ./${path}\n`)
  }
  return list.digest('hex')
}

const claim = (object: string, storageClass: string, dataset?: string) => ({
  apiVersion: 'v1',
  kind: 'PersistentVolumeClaim',
  metadata: { name: object, namespace: name, annotations: { 'granary.dev/bind': 'Immediate' } },
  spec: {
    accessModes: ['ReadWriteOnce'],
    storageClassName: storageClass,
    resources: { requests: { storage: `${Math.ceil(mebibytes * 1.2) + 64}Mi` } },
    ...(dataset === undefined ? {} : { dataSourceRef: { apiGroup: 'granary.dev', kind: 'Dataset', name: dataset } }),
  },
})

/** A pod with the claim; resolves with what it printed and the seconds from asking for it to its first line, which is the time. */
const runPod = async (object: string, claimName: string, script = 'true') => {
  const asked = Date.now()
  await session.apply({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: object, namespace: name },
    spec: {
      restartPolicy: 'Never',
      automountServiceAccountToken: false,
      nodeName: firstNode.name,
      containers: [
        {
          name: 'main',
          image: 'granary:dev',
          imagePullPolicy: 'IfNotPresent',
          command: ['sh', '-c', `node -e 'console.log(Date.now())'; ${script}`],
          volumeMounts: [{ name: 'data', mountPath: '/data', readOnly: true }],
        },
      ],
      volumes: [{ name: 'data', persistentVolumeClaim: { claimName, readOnly: true } }],
    },
  })
  await phase(Pod, object, 'Succeeded')
  const [first = '', ...rest] = (await kubectl('logs', object)).split('\n')
  await kubectl('delete', 'pod', object, '--wait=true')
  return { seconds: (Number(first) - asked) / 1000, printed: rest.join('\n').trim() }
}

const digest = 'cd /data && find . -name "*.bin" | sort | xargs sha256sum | sha256sum | cut -d" " -f1'

interface Row {
  what: string
  seconds: number
  mebibytes: number
}

/** Makes a claim, and says what that took. The bytes of it are compared. */
const fill = async (what: string, object: string, storageClass: string, expected: string): Promise<Row> => {
  const [start, before] = [performance.now(), meter.received]
  await session.apply(claim(object, storageClass, 'data'))
  await phase(Claim, object, 'Bound')
  const row = { what, seconds: (performance.now() - start) / 1000, mebibytes: (meter.received - before) / 2 ** 20 }
  const { printed } = await runPod(`check-${object}`, object, digest)
  if (printed !== expected) throw new Error(`${what}: the volume does not hold what was put into the bucket`)
  return row
}

const prepare = async () => {
  const credentials = {
    AWS_ACCESS_KEY_ID: session.env.AWS_ACCESS_KEY_ID,
    AWS_SECRET_ACCESS_KEY: session.env.AWS_SECRET_ACCESS_KEY,
  }
  const endpoint = `http://${network.host}:${meter.port}`
  const granary = { apiVersion: 'granary.dev/v1alpha1' }
  await session.apply({ apiVersion: 'v1', kind: 'Namespace', metadata: { name } })
  await session.apply([
    { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'keys', namespace: name }, stringData: credentials },
    {
      ...granary,
      kind: 'StorageProvider',
      metadata: { name: 'bucket', namespace: name },
      spec: {
        s3: { bucket: name, endpoint, region: session.env.AWS_REGION },
        credentials: { secretName: 'keys' },
        default: true,
      },
    },
    {
      ...granary,
      kind: 'Dataset',
      metadata: { name: 'data', namespace: name },
      // One volume, whose snapshot the others are restored from.
      spec: { source: { provider: 'bucket', prefix: 'raw/' }, volume: { storageClassName: 'anywhere', keep: 1 } },
    },
    { ...claim('empty', 'anywhere') },
  ])
  await phase(DatasetVersion, 'data-v1', 'Committed')
  await phase(Claim, 'data-v1', 'Bound')
  const ready = async () => (await session.get<Seen>(VolumeSnapshot, name, 'data-v1'))?.status?.readyToUse === true
  await until('the snapshot of data-v1', ready)
}

const clean = async () => {
  await session.kubectl(['delete', 'namespace', name, '--wait=false', '--ignore-not-found'])
  const gone = async () => (await session.get(Namespace, undefined, name)) === undefined
  await until(`namespace ${name} to be gone`, gone, { seconds: 300 })
}

try {
  await clean()
  const expected = await fillBucket()
  await prepare()
  const rows: Row[] = []
  const starts: Record<'plain' | 'version', number[]> = { plain: [], version: [] }
  for (let round = 0; round < rounds; round++) {
    rows.push(await fill('filled from the store', `download-${round}`, 'plain', expected))
    rows.push(await fill('restored from a snapshot', `restore-${round}`, 'anywhere', expected))
    await kubectl('delete', 'pvc', `download-${round}`, `restore-${round}`, '--wait=true')
  }
  const before = meter.received
  for (let round = 0; round <= rounds; round++) {
    const plain = await runPod(`plain-${round}`, 'empty')
    const version = await runPod(`version-${round}`, 'data-v1')
    // The first time the one or other may be mounted anew.
    if (round === 0) continue
    starts.plain.push(plain.seconds)
    starts.version.push(version.seconds)
  }
  const warm = {
    mebibytes: (meter.received - before) / 2 ** 20,
    plain: median(starts.plain),
    version: median(starts.version),
  }
  const ways = [...new Set(rows.map(({ what }) => what))].map((what) => {
    const own = rows.filter((row) => row.what === what)
    return { what, seconds: median(own.map((row) => row.seconds)), mebibytes: median(own.map((row) => row.mebibytes)) }
  })
  console.log(`### A volume of ${files} files, ${mebibytes} MiB, medians of ${rounds}\n`)
  console.log('| how | seconds to Bound | MiB from the store |\n|---|---|---|')
  for (const way of ways) console.log(`| ${way.what} | ${way.seconds.toFixed(1)} | ${way.mebibytes.toFixed(2)} |`)
  console.log(
    `\nA pod that reads a volume that is there starts after ${warm.version.toFixed(2)} s, the same pod with an empty claim after ${warm.plain.toFixed(2)} s; ${warm.mebibytes.toFixed(2)} MiB came from the store.`,
  )
  const report = { conditions: conditions(), files, mebibytes, rounds, rows, starts, warm }
  writeFileSync(values.json, `${JSON.stringify(report, null, 2)}\n`)
} finally {
  await clean()
  await emptyBucket(session.s3, name)
  await meter.close()
}
