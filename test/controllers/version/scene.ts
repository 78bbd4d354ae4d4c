import type { DatasetVersion } from '../../../src/api/dataset-version.ts'
import * as kinds from '../../../src/api/kinds.ts'
import type { KubeObject } from '../../../src/api/meta.ts'
import type { MoveSpec } from '../../../src/api/move.ts'
import { exitCodeOf, type MoveFailed, type MoveResult } from '../../../src/api/move-result.ts'
import { annotations } from '../../../src/api/names.ts'
import { indexes, versionController } from '../../../src/controllers/version/index.ts'
import type { VersionConfig } from '../../../src/controllers/version/world.ts'
import type { ClaimObject, JobObject, PodObject } from '../../../src/desired/objects.ts'
import type { Actor } from '../../helpers/drive.ts'
import { ModelApi } from '../../helpers/model-api.ts'

export const config: VersionConfig = {
  moverImage: 'granary:test',
  moverResources: { requests: { cpu: '100m' }, limits: { memory: '512Mi' } },
  defaultOutputSize: '10Gi',
}
export const options = { controllers: () => [versionController(config)], indexes }
export const ns = 'vision'
export const sha = (letter: string) => letter.repeat(64)

type Loose = KubeObject & Record<string, unknown>

/** A namespace with a store and a Dataset that has settled on it. */
export const house = (datasetSpec: Record<string, unknown> = {}): ModelApi => {
  const api = new ModelApi()
  api.seed({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: ns } })
  api.seed<Loose>({
    apiVersion: 'granary.dev/v1alpha1',
    kind: 'StorageProvider',
    metadata: { name: 'team', namespace: ns },
    spec: { s3: { bucket: 'team-data' }, credentials: { secretName: 'keys' }, default: true },
  })
  api.seed<Loose>({
    apiVersion: 'granary.dev/v1alpha1',
    kind: 'Dataset',
    metadata: { name: 'mnist', namespace: ns },
    spec: { source: { provider: 'team', prefix: 'public/' }, ...datasetSpec },
    status: { store: { kind: 's3', bucket: 'team-data', prefix: 'granary/vision/mnist/' } },
  })
  return api
}

export const version = (
  name: string,
  n: number | undefined,
  spec: Record<string, unknown> = {},
  more: { annotations?: Record<string, string>; status?: Record<string, unknown> } = {},
): Loose => ({
  apiVersion: 'granary.dev/v1alpha1',
  kind: 'DatasetVersion',
  metadata: { name, namespace: ns, ...(more.annotations ? { annotations: more.annotations } : {}) },
  spec: { dataset: 'mnist', ...spec },
  status: {
    ...(n === undefined ? {} : { sequence: n, version: `v${n}`, openedAt: '2026-01-01T00:00:00Z' }),
    ...more.status,
  },
})

/** A version that a claim `out` is written for, the claim bound. */
export const output = (
  api: ModelApi,
  spec: Record<string, unknown> = {},
  claim: { annotations?: Record<string, string>; phase?: string } = {},
): void => {
  api.seed<Loose>({
    apiVersion: 'v1',
    kind: 'PersistentVolumeClaim',
    metadata: {
      name: 'out',
      namespace: ns,
      uid: 'claim-out',
      annotations: { [annotations.access]: 'ReadWrite', [annotations.openVersion]: 'mnist-v2', ...claim.annotations },
    },
    spec: { volumeName: 'pv-1' },
    status: { phase: claim.phase ?? 'Bound' },
  })
  api.seed(
    version('mnist-v2', 2, spec, {
      annotations: { [annotations.claim]: 'out', [annotations.claimUid]: 'claim-out' },
    }),
  )
}

export const pod = (
  name: string,
  phase: string,
  more: {
    claim?: string
    readOnly?: boolean
    owner?: KubeObject
    labels?: Record<string, string>
    exitCode?: number
    inputs?: string[]
    securityContext?: object
  } = {},
): PodObject => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: {
    name,
    namespace: ns,
    ...(more.labels ? { labels: more.labels } : {}),
    ...(more.owner
      ? {
          ownerReferences: [
            {
              apiVersion: more.owner.apiVersion,
              kind: more.owner.kind,
              name: more.owner.metadata.name,
              uid: more.owner.metadata.uid ?? '',
              controller: true,
            },
          ],
        }
      : {}),
  },
  spec: {
    ...(more.securityContext ? { securityContext: more.securityContext } : {}),
    volumes: [
      { name: 'out', persistentVolumeClaim: { claimName: more.claim ?? 'out' } },
      ...(more.inputs ?? []).map((claimName) => ({
        name: claimName,
        persistentVolumeClaim: { claimName, readOnly: true },
      })),
    ],
    containers: [
      { name: 'main', volumeMounts: [{ name: 'out', mountPath: '/out', readOnly: more.readOnly ?? false }] },
    ],
  },
  status: { phase, ...containers(phase, more.exitCode) },
})

const containers = (phase: string, exitCode = phase === 'Failed' ? 1 : 0) => {
  if (phase === 'Running') return { containerStatuses: [{ name: 'main', state: { running: {} } }] }
  if (phase !== 'Succeeded' && phase !== 'Failed') return {}
  return { containerStatuses: [{ name: 'main', state: { terminated: { exitCode } } }] }
}

export const job = (name: string, condition?: 'Complete' | 'Failed'): JobObject => ({
  apiVersion: 'batch/v1',
  kind: 'Job',
  metadata: { name, namespace: ns, uid: `uid-${name}` },
  spec: { backoffLimit: 3 },
  status: condition ? { conditions: [{ type: condition, status: 'True' }] } : {},
})

export const statusOf = (api: ModelApi, name = 'mnist-v2') =>
  api.find<DatasetVersion>(kinds.DatasetVersion, ns, name)?.status

/** What the fake mover was asked to do, in order. */
export type Asked = MoveSpec[]
export type Answer = (spec: MoveSpec, nth: number) => MoveResult | 'die'

export const contents = { digest: sha('d'), root: sha('e'), files: 3, bytes: 2048 }

/** A mover to which everything succeeds. */
export const succeeds: Answer = (spec) => {
  if (spec.op === 'Import')
    return {
      op: 'Import',
      outcome: 'Committed',
      sequence: spec.intent.sequence,
      ...contents,
      mode: 'Copy',
      modeReason: 'the bucket keeps no old versions',
      fingerprint: 'f1',
      skipped: 0,
    }
  if (spec.op === 'Finalize')
    return { op: 'Finalize', outcome: 'Committed', sequence: spec.intent.sequence, ...contents, uploaded: 2048 }
  if (spec.op === 'Materialize')
    return { op: 'Materialize', outcome: 'Committed', sequence: spec.intent.sequence, ...contents }
  if (spec.op === 'Mirror')
    return { op: 'Mirror', outcome: 'Done', files: 3, bytes: 2048, written: 3, removed: 0, fingerprint: 'as written' }
  throw new Error(`not for versions: ${spec.op}`)
}

export const fails =
  (reason: MoveFailed['reason'], op: MoveFailed['op'] = 'Finalize'): Answer =>
  () => ({ op, outcome: 'Failed', reason, message: `because of ${reason}` })

const isMover = (object: KubeObject) => object.metadata.labels?.['granary.dev/role'] === 'mover'

/** The Job controller and the kubelet for movers: a pod per Job, then running, then ended as `answer` says. */
export const movers = (answer: Answer = succeeds, asked: Asked = []): ((api: ModelApi) => boolean) => {
  const seen = new Map<string, number>()
  return (api) => {
    for (const one of api.all<JobObject & { spec: { template: Loose } }>(kinds.Job, ns)) {
      if (!isMover(one)) continue
      const pods = api
        .all<PodObject>(kinds.Pod, ns)
        .filter((each) => each.metadata.ownerReferences?.some((owner) => owner.uid === one.metadata.uid))
      const [mine] = pods
      if (mine === undefined) {
        const template = one.spec.template as unknown as { metadata: object; spec: object }
        const owner = { apiVersion: 'batch/v1', kind: 'Job', name: one.metadata.name, uid: one.metadata.uid ?? '' }
        api.seed<Loose>({
          apiVersion: 'v1',
          kind: 'Pod',
          metadata: { ...template.metadata, name: `${one.metadata.name}-x`, namespace: ns, ownerReferences: [owner] },
          spec: template.spec,
          status: { phase: 'Pending' },
        })
        return true
      }
      if (mine.status?.phase === 'Pending') {
        api.change<PodObject>(kinds.Pod, ns, mine.metadata.name, (each) => {
          each.status = { phase: 'Running' }
        })
        return true
      }
      if (mine.status?.phase === 'Running') {
        const spec = specOf(mine)
        asked.push(spec)
        const nth = (seen.get(spec.op) ?? 0) + 1
        seen.set(spec.op, nth)
        end(api, mine, one, answer(spec, nth))
        return true
      }
    }
    return false
  }
}

const specOf = (mover: PodObject): MoveSpec => {
  const [container] = (mover.spec as unknown as { containers: { env: { value: string }[] }[] }).containers
  return JSON.parse(container?.env[0]?.value ?? '') as MoveSpec
}

const end = (api: ModelApi, mover: PodObject, owner: JobObject, result: MoveResult | 'die') => {
  const failed = result === 'die' || result.outcome === 'Failed'
  const exitCode = result === 'die' ? 137 : result.outcome === 'Failed' ? exitCodeOf[result.reason] : 0
  const message = result === 'die' ? {} : { message: JSON.stringify(result) }
  api.change<PodObject>(kinds.Pod, ns, mover.metadata.name, (each) => {
    each.status = {
      phase: failed ? 'Failed' : 'Succeeded',
      containerStatuses: [{ name: 'mover', state: { terminated: { exitCode, ...message } } }],
    }
  })
  api.change<JobObject>(kinds.Job, ns, owner.metadata.name, (each) => {
    each.status = { conditions: [{ type: failed ? 'Failed' : 'Complete', status: 'True' }] }
  })
}

/** Binds claims that were made for versions, as the claim controller and the binder would. */
export const binder = (api: ModelApi): boolean => {
  const [waiting] = api.all<ClaimObject>(kinds.Claim, ns).filter((claim) => claim.status?.phase !== 'Bound')
  if (waiting === undefined) return false
  api.change<ClaimObject>(kinds.Claim, ns, waiting.metadata.name, (claim) => {
    claim.spec = { ...claim.spec, volumeName: 'pv-1' }
    claim.status = { phase: 'Bound' }
  })
  return true
}

/** The first that has something to do does it: everybody sees what the one before has done. */
export const inTurn =
  (...actors: ((api: ModelApi) => boolean)[]): Actor =>
  (api) =>
    actors.some((act) => act(api))

/** Does each thing once, in order, one whenever everybody else is quiet. Starts again when the model is another one. */
export const once = (...acts: ((api: ModelApi) => void)[]): ((api: ModelApi) => boolean) => {
  const done = new WeakMap<ModelApi, number>()
  return (api) => {
    const n = done.get(api) ?? 0
    const act = acts[n]
    if (act === undefined) return false
    done.set(api, n + 1)
    act(api)
    return true
  }
}
