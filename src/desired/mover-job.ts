import type { KubeObject } from '../api/meta.ts'
import { type MoveSpec, mountOf, moverPaths } from '../api/move.ts'
import { annotations } from '../api/names.ts'
import { childLabels, moverName, ownerReferences } from './labels.ts'
import { identity, type Mount, type MoverAccess } from './location.ts'

/** The uid and gid of a mover that nobody told otherwise. */
export const moverUid = 65532

interface Resources {
  requests?: Record<string, string | number> | undefined
  limits?: Record<string, string | number> | undefined
}

/** What users may say about mover pods: on a Dataset, on a StorageProvider. */
export interface MoverSettings {
  resources?: Resources | undefined
  nodeSelector?: Record<string, string> | undefined
  tolerations?: unknown[] | undefined
  affinity?: Record<string, unknown> | undefined
  priorityClassName?: string | undefined
  podLabels?: Record<string, string> | undefined
  podAnnotations?: Record<string, string> | undefined
  imagePullSecrets?: { name?: string | undefined }[] | undefined
  securityContext?: Record<string, unknown> | undefined
}

/** What the operator's config says about mover pods. */
export interface MoverConfig {
  moverImage: string
  moverResources: Resources
}

export interface RunAs {
  uid: number
  gid?: number
  groups?: number[]
}

export interface MoverJobInput {
  spec: MoveSpec
  attempt: number
  namespace: string
  owner: KubeObject
  dataset?: string
  version?: string
  /** Every location that `spec` names. */
  locations: MoverAccess[]
  /** The claim at /data, or a directory of it. `fill`: a volume that Granary fills, so it may be given the mover's group. */
  data?: { claimName: string; readOnly: boolean; fill?: boolean; subPath?: string }
  runAs?: RunAs
  settings?: MoverSettings
  config: MoverConfig
}

interface Mounted {
  volume: Record<string, unknown>
  mount: { name: string; mountPath: string; readOnly?: boolean; subPath?: string }
}

/** The annotation that a location's document is in: one per location, since a pod may read several. */
const documentKey = (location: string): string => `${annotations.document}-${location}`

const volumeOf = (mount: Mount, location: string): Record<string, unknown> => {
  // Read-only as a volume: nothing may give somebody's files to the mover's group.
  if ('claimName' in mount)
    return { persistentVolumeClaim: { claimName: mount.claimName, ...(mount.readOnly ? { readOnly: true } : {}) } }
  if ('configMapName' in mount) return { configMap: { name: mount.configMapName, optional: true } }
  const fieldRef = { fieldPath: `metadata.annotations['${documentKey(location)}']` }
  return { downwardAPI: { items: [{ path: 'document', fieldRef }] } }
}

const locationMount = (location: string, mount: Mount): Mounted => ({
  volume: { name: `location-${location}`, ...volumeOf(mount, location) },
  mount: {
    name: `location-${location}`,
    mountPath: mountOf(location),
    readOnly: !('claimName' in mount) || mount.readOnly,
  },
})

const documentsOf = (locations: readonly MoverAccess[]): Record<string, string> =>
  Object.fromEntries(
    locations.flatMap(({ location, mount }) =>
      mount !== undefined && 'document' in mount ? [[documentKey(location.name), mount.document]] : [],
    ),
  )

/** A store that is a volume is Granary's own, and is given to the mover's group; a volume that somebody else wrote must not be. */
const ownsVolumes = ({ data, locations }: MoverJobInput): boolean => {
  if (data !== undefined) return data.fill === true
  return locations.some(({ mount }) => mount !== undefined && 'claimName' in mount && !mount.readOnly)
}

const mountsOf = (input: MoverJobInput): Mounted[] => {
  const mounted: Mounted[] = [{ volume: { name: 'tmp', emptyDir: {} }, mount: { name: 'tmp', mountPath: '/tmp' } }]
  if (input.data !== undefined)
    mounted.push({
      volume: {
        name: 'data',
        // A claim that is mounted read-only in the container may be writable in the pod: a volume source that is read-only can't replay its journal.
        persistentVolumeClaim: { claimName: input.data.claimName },
      },
      mount: {
        name: 'data',
        mountPath: moverPaths.data,
        readOnly: input.data.readOnly,
        ...(input.data.subPath === undefined ? {} : { subPath: input.data.subPath }),
      },
    })
  for (const { location, credentials, caConfigMapName, mount } of input.locations) {
    if (mount !== undefined) mounted.push(locationMount(location.name, mount))
    // optional: what is missing must be the mover's sentence, not a pod that never starts.
    if (credentials?.secretName !== undefined)
      mounted.push({
        volume: {
          name: `credentials-${location.name}`,
          secret: { secretName: credentials.secretName, optional: true, defaultMode: 0o444 },
        },
        mount: {
          name: `credentials-${location.name}`,
          mountPath: `${moverPaths.credentials}/${location.name}`,
          readOnly: true,
        },
      })
    if (caConfigMapName !== undefined)
      mounted.push({
        volume: { name: `ca-${location.name}`, configMap: { name: caConfigMapName, optional: true } },
        mount: { name: `ca-${location.name}`, mountPath: `${moverPaths.ca}/${location.name}`, readOnly: true },
      })
  }
  return mounted
}

const podSecurity = (input: MoverJobInput): Record<string, unknown> => {
  const { runAs, settings } = input
  return {
    ...settings?.securityContext,
    runAsNonRoot: runAs?.uid !== 0,
    runAsUser: runAs?.uid ?? moverUid,
    runAsGroup: runAs?.gid ?? runAs?.uid ?? moverUid,
    ...(runAs?.groups === undefined || runAs.groups.length === 0 ? {} : { supplementalGroups: runAs.groups }),
    ...(ownsVolumes(input) ? { fsGroup: moverUid, fsGroupChangePolicy: 'OnRootMismatch' } : {}),
    seccompProfile: { type: 'RuntimeDefault' },
  }
}

/** The same on this one node, whatever else is said about nodes: where a writer runs, its mover must be let in. */
export const onNode = (settings: MoverSettings | undefined, node: string): MoverSettings => {
  const { nodeSelector: _, ...rest } = settings ?? {}
  const here = { matchFields: [{ key: 'metadata.name', operator: 'In', values: [node] }] }
  const nodeAffinity = { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [here] } }
  return { ...rest, tolerations: [{ operator: 'Exists' }], affinity: { ...rest.affinity, nodeAffinity } }
}

/** Settings that go into the pod as they are. */
const placement = (settings: MoverSettings | undefined): Record<string, unknown> =>
  Object.fromEntries(
    (['nodeSelector', 'tolerations', 'affinity', 'priorityClassName', 'imagePullSecrets'] as const).flatMap((key) =>
      settings?.[key] === undefined ? [] : [[key, settings[key]]],
    ),
  )

/**
 * The Job of one attempt to move something: under the restricted pod security standard unless `runAs` is root, no API token, never
 * restarted by itself. Its locations must agree on one identity (`identity`).
 */
export const moverJob = (input: MoverJobInput): KubeObject & { spec: Record<string, unknown> } => {
  const { spec, attempt, namespace, owner, settings, config } = input
  const ownerUid = owner.metadata.uid ?? ''
  const labels = childLabels({ role: 'mover', ownerUid, dataset: input.dataset, version: input.version })
  const mounted = mountsOf(input)
  const podAnnotations = { ...settings?.podAnnotations, ...documentsOf(input.locations) }
  const runsAs = identity(input.locations)
  // Root without any capability reads only what root owns; what a root writer unpacked may belong to anybody.
  const capabilities = input.runAs?.uid === 0 ? { drop: ['ALL'], add: ['DAC_OVERRIDE'] } : { drop: ['ALL'] }
  return {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: {
      name: moverName(spec.op, ownerUid, attempt),
      namespace,
      labels,
      ownerReferences: ownerReferences(owner, namespace),
    },
    spec: {
      // Let go when it is its turn: so many movers run at once, and no more.
      suspend: true,
      backoffLimit: 0,
      template: {
        metadata: {
          labels: { ...settings?.podLabels, ...labels },
          ...(Object.keys(podAnnotations).length === 0 ? {} : { annotations: podAnnotations }),
        },
        spec: {
          ...placement(settings),
          ...('serviceAccountName' in runsAs ? { serviceAccountName: runsAs.serviceAccountName } : {}),
          restartPolicy: 'Never',
          automountServiceAccountToken: false,
          enableServiceLinks: false,
          securityContext: podSecurity(input),
          containers: [
            {
              name: 'mover',
              image: config.moverImage,
              args: ['mover'],
              env: [{ name: 'GRANARY_MOVE_SPEC', value: JSON.stringify(spec) }],
              resources: settings?.resources ?? config.moverResources,
              securityContext: {
                allowPrivilegeEscalation: false,
                readOnlyRootFilesystem: true,
                capabilities,
              },
              volumeMounts: mounted.map((one) => one.mount),
            },
          ],
          volumes: mounted.map((one) => one.volume),
        },
      },
    },
  }
}
