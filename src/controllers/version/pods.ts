import type { Container, PodObject } from '../../desired/objects.ts'

/** Names of the claims that a pod mounts; generic ephemeral volumes included, whose claims are named after pod and volume. */
export const claimNamesOf = (pod: PodObject): string[] =>
  (pod.spec?.volumes ?? []).flatMap((volume) => {
    if (volume.persistentVolumeClaim) return [volume.persistentVolumeClaim.claimName]
    return volume.ephemeral ? [`${pod.metadata.name}-${volume.name}`] : []
  })

export const hasEnded = (pod: PodObject): boolean => pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed'

const writableVolumes = (pod: PodObject, claim: string): string[] =>
  (pod.spec?.volumes ?? []).flatMap((volume) => {
    const source = volume.persistentVolumeClaim
    const isIt = source
      ? source.claimName === claim && source.readOnly !== true
      : volume.ephemeral !== undefined && `${pod.metadata.name}-${volume.name}` === claim
    return isIt ? [volume.name] : []
  })

/** The first container that may write to the claim: none in a pod whose volume or every mount of it is read-only. */
export const writingContainer = (pod: PodObject, claim: string): Container | undefined => {
  const volumes = writableVolumes(pod, claim)
  return [...(pod.spec?.containers ?? []), ...(pod.spec?.initContainers ?? [])].find(
    ({ volumeMounts, volumeDevices }) =>
      volumeMounts?.some((mount) => volumes.includes(mount.name) && mount.readOnly !== true) === true ||
      volumeDevices?.some((device) => volumes.includes(device.name)) === true,
  )
}

/** Tekton keeps the pods of a PipelineRun on one node by a pod that mounts their claims and does nothing. */
const isAffinityAssistant = (pod: PodObject): boolean =>
  pod.metadata.labels?.['app.kubernetes.io/component'] === 'affinity-assistant'

export const isWriter = (pod: PodObject, claim: string): boolean =>
  !isAffinityAssistant(pod) && writingContainer(pod, claim) !== undefined

/** Whether any container of the pod ever ran: a pod that was refused or never placed has used nothing. */
export const hasRun = (pod: PodObject): boolean => {
  const { phase, containerStatuses = [], initContainerStatuses = [] } = pod.status ?? {}
  if (phase === 'Running' || phase === 'Succeeded' || phase === 'Unknown') return true
  return [...initContainerStatuses, ...containerStatuses].some(
    ({ state }) => state?.running !== undefined || state?.terminated !== undefined,
  )
}

/**
 * When the pod's deletion was asked for, ms since 1970: its deletionTimestamp is when the grace period ends. With no grace left it is when the kubelet
 * removed the pod, after its containers had ended, and when that was asked for is not known any more: before every end, so that a stop is no crash.
 */
const stoppedAt = ({ metadata }: PodObject): number => {
  if (metadata.deletionTimestamp === undefined) return Number.POSITIVE_INFINITY
  const grace = (metadata as { deletionGracePeriodSeconds?: number }).deletionGracePeriodSeconds ?? 30
  return grace === 0 ? Number.NEGATIVE_INFINITY : Date.parse(metadata.deletionTimestamp) - grace * 1000
}

/** A container ended badly by itself, not because its pod was being stopped. */
export const failedByItself = (pod: PodObject): boolean => {
  const statuses = [...(pod.status?.containerStatuses ?? []), ...(pod.status?.initContainerStatuses ?? [])]
  const asked = stoppedAt(pod)
  const crashed = statuses.some(({ state }) => {
    if (state?.waiting?.reason === 'CrashLoopBackOff') return true
    const end = state?.terminated
    if (end === undefined || end.exitCode === 0) return false
    // A kubelet that no longer finds the container of a pod being stopped writes an end without a time.
    const when = Date.parse(end.finishedAt ?? '')
    return Number.isNaN(when) ? asked === Number.POSITIVE_INFINITY : when < asked
  })
  // A pod that failed without any container's word (evicted, node gone) did not end well either.
  return crashed || (pod.status?.phase === 'Failed' && asked === Number.POSITIVE_INFINITY)
}

/** Names of the pods that may write to a claim now. */
export const writersOf = (pods: readonly PodObject[], claim: string): string[] =>
  pods
    .filter((pod) => !hasEnded(pod) && isWriter(pod, claim))
    .map((pod) => pod.metadata.name)
    .sort()
