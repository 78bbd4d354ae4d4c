import type { PodObject } from '../../desired/objects.ts'

/** Names of the claims that a pod mounts; generic ephemeral volumes included, whose claims are named after pod and volume. */
export const claimNamesOf = (pod: PodObject): string[] =>
  (pod.spec?.volumes ?? []).flatMap((volume) => {
    if (volume.persistentVolumeClaim) return [volume.persistentVolumeClaim.claimName]
    return volume.ephemeral ? [`${pod.metadata.name}-${volume.name}`] : []
  })

/** Whether the pod has ended. */
export const hasEnded = (pod: PodObject): boolean => pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed'

/** Whether a container of the pod may write to the claim. A pod whose volume or every mount is read-only may not. */
export const mayWrite = (pod: PodObject, claim: string): boolean => {
  const names = (pod.spec?.volumes ?? [])
    .filter((volume) =>
      volume.persistentVolumeClaim
        ? volume.persistentVolumeClaim.claimName === claim && !volume.persistentVolumeClaim.readOnly
        : volume.ephemeral !== undefined && `${pod.metadata.name}-${volume.name}` === claim,
    )
    .map((volume) => volume.name)
  const containers = [...(pod.spec?.initContainers ?? []), ...(pod.spec?.containers ?? [])]
  return containers.some(
    ({ volumeMounts, volumeDevices }) =>
      volumeMounts?.some((mount) => names.includes(mount.name) && !mount.readOnly) ||
      volumeDevices?.some((device) => names.includes(device.name)),
  )
}

/** Tekton keeps the pods of a PipelineRun on one node by a pod that mounts their claims and does nothing. */
const isAffinityAssistant = ({ metadata }: PodObject): boolean =>
  metadata.labels?.['app.kubernetes.io/component'] === 'affinity-assistant'

/** Names of the pods that may write to a claim now. */
export const writersOf = (pods: readonly PodObject[], claim: string): string[] =>
  pods
    .filter((pod) => !hasEnded(pod) && !isAffinityAssistant(pod) && mayWrite(pod, claim))
    .map((pod) => pod.metadata.name)
    .sort()
