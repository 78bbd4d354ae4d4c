/**
 * `make demo`: real data through all three phases on a real cluster. Exits 0 only if everything that it shows was also checked.
 * A second run works as the first: it begins by removing what an earlier one left.
 */
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { Claim, Dataset, DatasetVersion, Job, Namespace, Pod } from '../src/api/kinds.ts'
import type { KubeObject } from '../src/api/meta.ts'
import { clusterEnvironment, otherCluster } from './cluster/environment.ts'
import { repository } from './cluster/paths.ts'
import { up } from './cluster/up.ts'
import { emptyBucket, getObject, listKeys, makeBucket, putObject, sha256 } from './lib/objects.ts'
import { installOperator } from './lib/operator.ts'
import { connect, type Session, until } from './lib/session.ts'

interface Seen extends KubeObject {
  spec?: Record<string, unknown>
  status?: Record<string, unknown> & { phase?: string; conditions?: { type: string; status: string }[] }
}

const namespace = 'granary-demo'
const bucket = 'granary-demo'
const started = Date.now()

const say = (text: string) => console.log(`[${((Date.now() - started) / 1000).toFixed(0).padStart(4)} s] ${text}`)
const check = (what: string, ok: boolean) => {
  if (!ok) throw new Error(`not as it should be: ${what}`)
  say(`  checked: ${what}`)
}
const manifest = (name: string) => readFileSync(join(repository, 'demo', name), 'utf8')

const mebibytes = (bytes: unknown) => `${(Number(bytes) / 1024 ** 2).toFixed(1)} MiB`

/** Prints a version's phases and progress as they change, until it is committed. */
const watchVersion = async (session: Session, name: string): Promise<Seen> => {
  let shown = ''
  return until(`version ${name} to be committed`, async () => {
    const version = await session.get<Seen>(DatasetVersion, namespace, name)
    const status = version?.status
    const progress = status?.progress as { bytesDone?: number; bytesTotal?: number } | undefined
    const moving =
      progress?.bytesTotal === undefined ? '' : ` ${mebibytes(progress.bytesDone)} of ${mebibytes(progress.bytesTotal)}`
    const line = version === undefined ? 'not there yet' : `${status?.phase ?? 'Pending'}${moving}`
    if (line !== shown) say(`  ${name}: ${line}`)
    shown = line
    if (status?.phase === 'Failed' || status?.phase === 'Uncommitted') {
      throw new Error(`${name} is ${status.phase}: ${JSON.stringify(status.conditions)}`)
    }
    return status?.phase === 'Committed' ? version : undefined
  })
}

const bound = (session: Session, name: string) =>
  until(`claim ${name} to be bound`, async () => {
    const claim = await session.get<Seen>(Claim, namespace, name)
    return claim?.status?.phase === 'Bound' ? claim : undefined
  })

const jobEnded = async (session: Session, name: string): Promise<string> => {
  const conditions = await until(`job ${name} to end`, async () => {
    const job = await session.get<Seen>(Job, namespace, name)
    return job?.status?.conditions?.find((it) => ['Complete', 'Failed'].includes(it.type) && it.status === 'True')
  })
  const log = await session.kubectl(['-n', namespace, 'logs', '--prefix', '-l', `job-name=${name}`, '--tail=-1'])
  check(`job ${name} succeeded`, conditions.type === 'Complete')
  return log.trimEnd()
}

const cleanUp = async (session: Session) => {
  if ((await session.get(Namespace, undefined, namespace)) !== undefined) {
    say('removing what an earlier run left')
    await session.kubectl(['delete', 'namespace', namespace, '--wait=false'])
    await until(
      'the old namespace to be gone',
      async () => (await session.get(Namespace, undefined, namespace)) === undefined,
    )
  }
  await makeBucket(session.s3, bucket, true)
  await emptyBucket(session.s3, bucket)
}

const upload = async (session: Session): Promise<Map<string, string>> => {
  const source = dirname(createRequire(import.meta.url).resolve('mnist/package.json'))
  const hashes = new Map<string, string>()
  for (let digit = 0; digit < 10; digit++) {
    const bytes = readFileSync(join(source, 'src', 'digits', `${digit}.json`))
    await putObject(session.s3, bucket, `raw/digits/${digit}.json`, bytes)
    hashes.set(`${digit}.json`, sha256(bytes))
  }
  return hashes
}

const readBack = async (session: Session, job: string, claim: string): Promise<Map<string, string>> => {
  await session.apply({
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: { name: job, namespace },
    spec: {
      backoffLimit: 0,
      template: {
        spec: {
          restartPolicy: 'Never',
          automountServiceAccountToken: false,
          securityContext: { runAsNonRoot: true, runAsUser: 1000, seccompProfile: { type: 'RuntimeDefault' } },
          containers: [
            {
              name: 'read',
              image: 'granary:dev',
              imagePullPolicy: 'IfNotPresent',
              command: ['sh', '-c', 'cd /data && sha256sum *.json *.txt 2>/dev/null; true'],
              securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } },
              volumeMounts: [{ name: 'data', mountPath: '/data', readOnly: true }],
            },
          ],
          volumes: [{ name: 'data', persistentVolumeClaim: { claimName: claim, readOnly: true } }],
        },
      },
    },
  })
  const log = await jobEnded(session, job)
  const lines = log.split('\n').map((line) => line.replace(/^\[[^\]]*\] /, '').split(/\s+/))
  return new Map(lines.filter((it) => it.length === 2).map(([hash, file]) => [file ?? '', hash ?? '']))
}

const same = (a: Map<string, string>, b: Map<string, string>) =>
  a.size === b.size && [...a].every(([file, hash]) => b.get(file) === hash)

const main = async () => {
  say('the cluster')
  if (otherCluster() === undefined) await up(say)
  const env = clusterEnvironment()
  const session = connect(env)
  say('the operator')
  await installOperator(session)
  await cleanUp(session)

  say('ten files of handwritten digits go into the bucket, as plain objects')
  const hashes = await upload(session)
  await session.apply({
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: { name: namespace, labels: { 'pod-security.kubernetes.io/enforce': 'restricted' } },
  })
  await session.apply({
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: 'bucket-keys', namespace },
    stringData: {
      AWS_ACCESS_KEY_ID: env.AWS_ACCESS_KEY_ID,
      AWS_SECRET_ACCESS_KEY: env.AWS_SECRET_ACCESS_KEY,
    },
  })
  await session.kubectl([
    ...['-n', namespace, 'create', 'configmap', 'demo-scripts'],
    `--from-file=${join(repository, 'demo', 'train.mjs')}`,
    `--from-file=${join(repository, 'demo', 'evaluate.mjs')}`,
  ])

  say('init: a StorageProvider and two Datasets are applied (demo/bucket.yaml, demo/datasets.yaml)')
  const bucketYaml = manifest('bucket.yaml')
    .replace('{{ENDPOINT}}', env.AWS_ENDPOINT_URL_S3 ?? '')
    .replace('{{REGION}}', env.AWS_REGION ?? '')
  await session.apply(bucketYaml)
  await session.apply(manifest('datasets.yaml'))
  const v1 = await watchVersion(session, 'digits-v1')
  check('digits-v1 has the ten files', v1.status?.files === 10)
  await bound(session, 'digits-v1')
  check(
    'the claim digits-v1 is ready before any pod exists',
    (await session.list(Pod, namespace, '!granary.dev/role')).length === 0,
  )

  say('run: a training Job reads digits-v1 and writes its model to an output claim (demo/train.yaml)')
  await session.apply(manifest('train.yaml'))
  say(await jobEnded(session, 'train').then((log) => `  ${log.split('\n').at(-1)}`))
  say('finalize: the output is uploaded, verified and committed')
  const model = await watchVersion(session, 'model-v1')
  check(
    'model-v1 says which Job made it',
    (model.status?.producedBy as { name?: string } | undefined)?.name === 'train',
  )
  check('model-v1 says from which digits', JSON.stringify(model.status?.inputs).includes(String(v1.status?.digest)))
  const stored = await listKeys(session.s3, bucket, `granary/${namespace}/model/data/v1/`)
  check(
    'its bytes lie plain in the bucket',
    stored.some((key) => key.endsWith('/centroids.json')),
  )

  say('init again: two readers at once read data and model, read-only (demo/evaluate.yaml)')
  await bound(session, 'model-v1')
  await session.apply(manifest('evaluate.yaml'))
  const results = (await jobEnded(session, 'evaluate')).split('\n')
  for (const line of results) say(`  ${line}`)
  check(
    'both readers found the same accuracy, above 0.75',
    results.length === 2 && results.every((line) => Number(/"accuracy":([0-9.]+)/.exec(line)?.[1]) > 0.75),
  )
  await until('the model to be mirrored', async () => {
    const keys = await listKeys(session.s3, bucket, 'published/model/')
    return keys.includes('published/model/centroids.json')
  })
  const published = await getObject(session.s3, bucket, 'published/model/centroids.json')
  const committed = await getObject(session.s3, bucket, `granary/${namespace}/model/data/v1/centroids.json`)
  check('the model is written back to published/model/', sha256(published) === sha256(committed))

  say('the source changes, and a sync is asked for by annotation')
  const changed = Buffer.from('{"data": []}')
  await putObject(session.s3, bucket, 'raw/digits/9.json', changed)
  await session.kubectl([
    '-n',
    namespace,
    'annotate',
    'dset',
    'digits',
    `granary.dev/sync-requested-at=${new Date().toISOString()}`,
  ])
  await watchVersion(session, 'digits-v2')
  await bound(session, 'digits-v2')
  check('digits-v1 still reads the same bytes', same(await readBack(session, 'read-v1', 'digits-v1'), hashes))
  const second = new Map(hashes).set('9.json', sha256(changed))
  check('digits-v2 reads the changed ones', same(await readBack(session, 'read-v2', 'digits-v2'), second))

  say('a person fills a volume by hand and deletes the pod (demo/by-hand.yaml)')
  await session.apply(manifest('by-hand.yaml'))
  await until(
    'the pod by-hand to run',
    async () => (await session.get<Seen>(Pod, namespace, 'by-hand'))?.status?.phase === 'Running',
  )
  await session.kubectl([
    '-n',
    namespace,
    'exec',
    'by-hand',
    '--',
    'sh',
    '-c',
    'echo "looks good" > /work/review.txt && ls /work',
  ])
  await session.kubectl(['-n', namespace, 'delete', 'pod', 'by-hand'])
  const reviewed = await watchVersion(session, 'model-v2')
  check('model-v2 is the model with the review', reviewed.status?.files === 3)
  check(
    'only the new file was stored',
    (await listKeys(session.s3, bucket, `granary/${namespace}/model/data/v2/`)).length === 1,
  )

  await bound(session, 'model-v2')
  const datasets = await session.list<Seen>(Dataset, namespace)
  check(
    'both Datasets are Ready',
    datasets.length === 2 &&
      datasets.every((it) => it.status?.conditions?.some((c) => c.type === 'Ready' && c.status === 'True')),
  )

  console.log(
    `\n${await session.kubectl(['-n', namespace, 'get', 'dset,dsv'])}\n${await session.kubectl(['-n', namespace, 'get', 'pvc'])}`,
  )
  console.log('Look around (npm run -s cluster -- env prints KUBECONFIG and the keys of the S3 server):')
  console.log(`  eval "$(npm run -s cluster -- env)"; export PATH="$PATH:${'$HOME'}/.cache/granary/bin"`)
  console.log(
    `  kubectl -n ${namespace} get dsets,dsv,pvc     kubectl -n ${namespace} describe dsv model-v1     kubectl -n ${namespace} get events`,
  )
  console.log('  npm run cluster -- down   removes everything again')
  say('everything above was checked')
}

try {
  await main()
  process.exit(0)
} catch (error) {
  console.error(`\nThe demo failed: ${error instanceof Error ? error.message : String(error)}`)
  process.exit(1)
}
