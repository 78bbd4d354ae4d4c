import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { repository } from '../../scripts/cluster/paths.ts'
import { emptyBucket, makeBucket } from '../../scripts/lib/objects.ts'
import { type Session, until } from '../../scripts/lib/session.ts'
import { Claim, Dataset, DatasetVersion, Event, Job, Namespace, Pod } from '../../src/api/kinds.ts'
import type { Condition, Kind, KubeObject } from '../../src/api/meta.ts'
import { currentSession } from './session.ts'

export interface Seen extends KubeObject {
  spec: Record<string, unknown>
  status?: Record<string, unknown> & { phase?: string; conditions?: Condition[] }
}

/** One test file's own namespace with a bucket, its keys as a Secret, and a default StorageProvider `bucket`. */
export interface World extends Session {
  namespace: string
  bucket: string
  seen(kind: Kind, name: string): Promise<Seen | undefined>
  /** Waits until the object is as `test` wants it; the sentence names the object, its conditions and events if that never comes. */
  expectObject(kind: Kind, name: string, test: (object: Seen) => boolean, seconds?: number): Promise<Seen>
  expectPhase(version: string, phase: string, seconds?: number): Promise<Seen>
  expectCondition(
    kind: Kind,
    name: string,
    type: string,
    status: string,
    reason?: string,
    seconds?: number,
  ): Promise<Condition>
  expectBound(claim: string, seconds?: number): Promise<Seen>
  expectGone(kind: Kind, name: string, seconds?: number): Promise<void>
  /** Runs a script in a pod with these claims mounted at /<volume>; resolves with its log when it ended, and whether it succeeded. */
  runJob(name: string, options: PodOptions): Promise<{ succeeded: boolean; log: string }>
  /** Applies objects of this namespace. */
  create(...objects: object[]): Promise<void>
  events(name: string): Promise<string[]>
  /** The program as a person has it, in this namespace; without `keys` nothing of the environment leads to the bucket. */
  granary(line: string, options?: { keys?: boolean }): Promise<{ code: number; out: string; err: string }>
  close(): Promise<void>
}

export interface PodOptions {
  script: string
  /** mount path below `/` → claim, a trailing `:ro` mounts it read-only; or any other source of a volume */
  volumes: Record<string, string | object>
  uid?: number
  fsGroup?: number
  /** Pod security as a plain cluster allows it: needed for uid 0. */
  root?: boolean
  backoffLimit?: number
  /** The only node that it may run on. */
  node?: string
  annotations?: Record<string, string>
}

export const podSpec = (options: PodOptions): object => {
  const uid = options.uid ?? 1000
  const volumes = Object.entries(options.volumes).map(([path, from]) => {
    if (typeof from === 'object') return { path, readOnly: false, source: from }
    const readOnly = from.endsWith(':ro')
    return { path, readOnly, source: { persistentVolumeClaim: { claimName: from.replace(/:ro$/, ''), readOnly } } }
  })
  return {
    restartPolicy: 'Never',
    automountServiceAccountToken: false,
    terminationGracePeriodSeconds: 1,
    ...(options.node === undefined ? {} : { nodeSelector: { 'kubernetes.io/hostname': options.node } }),
    securityContext: {
      runAsUser: uid,
      runAsGroup: uid,
      // As on any block volume: its root belongs to root, and the pod's group is let in.
      ...(uid === 0 ? {} : { fsGroup: options.fsGroup ?? uid }),
      seccompProfile: { type: 'RuntimeDefault' },
    },
    containers: [
      {
        name: 'main',
        image: 'granary:dev',
        imagePullPolicy: 'IfNotPresent',
        command: ['sh', '-c', options.script],
        securityContext: options.root ? {} : { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } },
        volumeMounts: volumes.map(({ path, readOnly }) => ({ name: path, mountPath: `/${path}`, readOnly })),
      },
    ],
    volumes: volumes.map(({ path, source }) => ({ name: path, ...source })),
  }
}

export const job = (namespace: string, name: string, options: PodOptions): object => ({
  apiVersion: 'batch/v1',
  kind: 'Job',
  metadata: { name, namespace },
  spec: {
    backoffLimit: options.backoffLimit ?? 0,
    template: { metadata: { annotations: options.annotations ?? {} }, spec: podSpec(options) },
  },
})

export const pod = (namespace: string, name: string, options: PodOptions): object => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, namespace, annotations: options.annotations ?? {} },
  spec: podSpec(options),
})

/** A claim with a dataSourceRef to a Dataset (or a version). */
export const claim = (
  namespace: string,
  name: string,
  options: {
    dataset?: string
    version?: string
    annotations?: Record<string, string>
    size?: string
    storageClass?: string
    modes?: string[]
  },
): object => ({
  apiVersion: 'v1',
  kind: 'PersistentVolumeClaim',
  metadata: { name, namespace, annotations: options.annotations ?? {} },
  spec: {
    accessModes: options.modes ?? ['ReadWriteOnce'],
    storageClassName: options.storageClass ?? 'fast',
    resources: { requests: { storage: options.size ?? '64Mi' } },
    dataSourceRef: {
      apiGroup: 'granary.dev',
      kind: options.version === undefined ? 'Dataset' : 'DatasetVersion',
      name: options.version ?? options.dataset,
    },
  },
})

export const dataset = (namespace: string, name: string, spec: object): object => ({
  apiVersion: 'granary.dev/v1alpha1',
  kind: 'Dataset',
  metadata: { name, namespace },
  spec,
})

export const provider = (session: Session, namespace: string, bucket: string, spec: object = {}): object => ({
  apiVersion: 'granary.dev/v1alpha1',
  kind: 'StorageProvider',
  metadata: { name: 'bucket', namespace },
  spec: {
    s3: { bucket, endpoint: session.env.AWS_ENDPOINT_URL_S3, region: session.env.AWS_REGION },
    credentials: { secretName: 'bucket-keys' },
    default: true,
    ...spec,
  },
})

export const secret = (session: Session, namespace: string, name = 'bucket-keys'): object => ({
  apiVersion: 'v1',
  kind: 'Secret',
  metadata: { name, namespace },
  stringData: {
    AWS_ACCESS_KEY_ID: session.env.AWS_ACCESS_KEY_ID,
    AWS_SECRET_ACCESS_KEY: session.env.AWS_SECRET_ACCESS_KEY,
  },
})

const describe = async (session: Session, kind: Kind, namespace: string, name: string): Promise<string> => {
  const object = await session.get<Seen>(kind, namespace, name)
  const events = await session.list<
    KubeObject & { involvedObject?: { name?: string }; reason?: string; message?: string }
  >(Event, namespace)
  const pods = await session.list<Seen>(Pod, namespace)
  const versions = await session.list<Seen>(DatasetVersion, namespace)
  return [
    `${kind.kind} ${name}: ${JSON.stringify({ annotations: object?.metadata.annotations, finalizers: object?.metadata.finalizers, status: object?.status })}`,
    ...versions.map((it) => `version ${it.metadata.name}: ${JSON.stringify(it.status)}`.slice(0, 1500)),
    ...pods.map((it) => `pod ${it.metadata.name}: ${it.status?.phase}`),
    ...events.map((it) => `event ${it.involvedObject?.name}: ${it.reason}: ${it.message}`.slice(0, 300)).slice(-25),
  ].join('\n')
}

/** What was rescued from a test's namespace is dropped as a person would: by its uid. */
const dropRescued = async (session: Session, namespace: string): Promise<void> => {
  for (const { metadata } of await session.list(Claim, 'granary-rescue')) {
    if (!metadata.annotations?.['granary.dev/rescued']?.includes(`"${namespace}"`)) continue
    const abandon = `granary.dev/abandon=${metadata.uid}`
    await session.kubectl(['-n', 'granary-rescue', 'annotate', 'pvc', metadata.name, abandon])
  }
}

/** Makes the namespace, the bucket (versioned or not) and the provider. */
export const openWorld = async (
  name: string,
  options: { versioned?: boolean; labels?: Record<string, string> } = {},
): Promise<World> => {
  const session = currentSession()
  const namespace = `e2e-${name}-${randomBytes(3).toString('hex')}`
  const bucket = namespace
  await makeBucket(session.s3, bucket, options.versioned ?? false)
  await session.apply({
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: { name: namespace, labels: options.labels ?? {} },
  })
  await session.apply([secret(session, namespace), provider(session, namespace, bucket)])

  const seen = (kind: Kind, object: string) => session.get<Seen>(kind, kind.namespaced ? namespace : undefined, object)
  const explain = (kind: Kind, object: string) => () => describe(session, kind, namespace, object)
  const expectObject: World['expectObject'] = (kind, object, test, seconds = 120) =>
    until(
      `${kind.kind} ${object}`,
      async () => {
        const found = await seen(kind, object)
        return found !== undefined && test(found) ? found : undefined
      },
      { seconds, explain: explain(kind, object) },
    )
  return {
    ...session,
    namespace,
    bucket,
    seen,
    expectObject,
    expectPhase: (version, phase, seconds) =>
      expectObject(DatasetVersion, version, (object) => object.status?.phase === phase, seconds),
    expectCondition: async (kind, object, type, status, reason, seconds) => {
      const matches = (condition: Condition) =>
        condition.type === type && condition.status === status && (reason === undefined || condition.reason === reason)
      const found = await expectObject(kind, object, (it) => (it.status?.conditions ?? []).some(matches), seconds)
      return (found.status?.conditions ?? []).find(matches) as Condition
    },
    expectBound: (object, seconds) => expectObject(Claim, object, (it) => it.status?.phase === 'Bound', seconds),
    expectGone: async (kind, object, seconds = 120) => {
      await until(`${kind.kind} ${object} to be gone`, async () => (await seen(kind, object)) === undefined, {
        seconds,
        explain: explain(kind, object),
      })
    },
    runJob: async (object, podOptions) => {
      await session.apply(job(namespace, object, podOptions))
      const ended = await expectObject(Job, object, (it) =>
        (it.status?.conditions ?? []).some((c) => ['Complete', 'Failed'].includes(c.type) && c.status === 'True'),
      )
      const succeeded = (ended.status?.conditions ?? []).some((c) => c.type === 'Complete' && c.status === 'True')
      return { succeeded, log: await session.kubectl(['-n', namespace, 'logs', `job/${object}`]) }
    },
    create: async (...objects) => session.apply(objects),
    events: async (object) => {
      const all = await session.list<
        KubeObject & { involvedObject?: { name?: string }; reason?: string; message?: string }
      >(Event, namespace)
      return all.filter((it) => it.involvedObject?.name === object).map((it) => `${it.reason}: ${it.message}`)
    },
    granary: async (line, { keys = true } = {}) => {
      const none = { AWS_ACCESS_KEY_ID: '', AWS_SECRET_ACCESS_KEY: '', AWS_EC2_METADATA_DISABLED: 'true' }
      const env = { ...process.env, ...session.env, ...(keys ? {} : none) }
      const words = [...line.split(' '), ...(line.includes(' -n ') ? [] : ['-n', namespace])]
      const program = [join(repository, 'dist', 'main.js'), ...words]
      return new Promise((resolve) => {
        execFile(process.execPath, program, { env, maxBuffer: 1 << 26 }, (error, out, err) =>
          resolve({ code: Number(error?.code ?? 0), out: out.trim(), err: err.trim() }),
        )
      })
    },
    close: async () => {
      await session.kubectl(['delete', 'namespace', namespace, '--wait=false', '--ignore-not-found'])
      const gone = async () => (await session.get(Namespace, undefined, namespace)) === undefined
      await until(`namespace ${namespace} to be gone`, gone, { explain: explain(Dataset, namespace) })
      await dropRescued(session, namespace)
      await emptyBucket(session.s3, bucket)
    },
  }
}
