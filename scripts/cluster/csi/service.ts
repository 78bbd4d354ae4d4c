import type { Driver } from './drivers.ts'
import { loadService, type Method, StatusError } from './grpc.ts'
import { bindMount, unmountIfMounted, type VolumeStore } from './volumes.ts'

interface ContentSource {
  snapshot?: { snapshotId: string } | null
  volume?: { volumeId: string } | null
}

const identity = (driver: Driver): Record<string, Method> => ({
  GetPluginInfo: () => ({ name: driver.name, vendorVersion: '1' }),
  GetPluginCapabilities: () => ({ capabilities: [{ service: { type: 'CONTROLLER_SERVICE' } }] }),
  Probe: () => ({ ready: { value: true } }),
})

const timestamp = (date: Date) => ({ seconds: Math.floor(date.getTime() / 1000), nanos: 0 })

const controller = (driver: Driver, store: VolumeStore): Record<string, Method> => {
  const snapshotMethods = {
    CreateSnapshot: async (request: { sourceVolumeId: string; name: string }) => {
      if ((await store.sizeOf('volume', request.sourceVolumeId)) === undefined) {
        throw new StatusError('NOT_FOUND', `there is no volume ${request.sourceVolumeId}`)
      }
      const made = await store.createSnapshot(request.name, request.sourceVolumeId)
      const snapshot = {
        snapshotId: request.name,
        sourceVolumeId: request.sourceVolumeId,
        sizeBytes: made.size,
        creationTime: timestamp(made.created),
        readyToUse: true,
      }
      return { snapshot }
    },
    DeleteSnapshot: async (request: { snapshotId: string }) => {
      await store.deleteSnapshot(request.snapshotId)
      return {}
    },
  }
  const capabilities = ['CREATE_DELETE_VOLUME', ...(driver.snapshots ? ['CREATE_DELETE_SNAPSHOT', 'CLONE_VOLUME'] : [])]
  return {
    ControllerGetCapabilities: () => ({ capabilities: capabilities.map((type) => ({ rpc: { type } })) }),
    CreateVolume: async (request: {
      name: string
      capacityRange?: { requiredBytes: number } | null
      volumeContentSource?: ContentSource | null
    }) => {
      const from = request.volumeContentSource
      if (from && !driver.snapshots)
        throw new StatusError('INVALID_ARGUMENT', `${driver.name} makes empty volumes only`)
      const [snapshot, volume] = [from?.snapshot?.snapshotId, from?.volume?.volumeId]
      const source = snapshot ? { snapshot } : volume ? { volume } : {}
      const capacityBytes = await store.createVolume(request.name, request.capacityRange?.requiredBytes ?? 0, source)
      return { volume: { volumeId: request.name, capacityBytes, contentSource: from ?? undefined } }
    },
    DeleteVolume: async (request: { volumeId: string }) => {
      await store.deleteVolume(request.volumeId)
      return {}
    },
    ...(driver.snapshots ? snapshotMethods : {}),
  }
}

interface Capability {
  mount?: { mountFlags?: string[] } | null
}

const node = (store: VolumeStore, nodeId: string): Record<string, Method> => ({
  NodeGetInfo: () => ({ nodeId }),
  NodeGetCapabilities: () => ({ capabilities: [{ rpc: { type: 'STAGE_UNSTAGE_VOLUME' } }] }),
  NodeStageVolume: async (request: {
    volumeId: string
    stagingTargetPath: string
    volumeCapability?: Capability | null
  }) => {
    if ((await store.sizeOf('volume', request.volumeId)) === undefined) {
      throw new StatusError('NOT_FOUND', `there is no volume ${request.volumeId}`)
    }
    const options = request.volumeCapability?.mount?.mountFlags ?? []
    await store.mount(request.volumeId, request.stagingTargetPath, options)
    return {}
  },
  NodeUnstageVolume: async (request: { volumeId: string; stagingTargetPath: string }) => {
    await store.unmount(request.volumeId, request.stagingTargetPath)
    return {}
  },
  NodePublishVolume: async (request: {
    targetPath: string
    stagingTargetPath: string
    readonly: boolean
    volumeCapability?: Capability | null
  }) => {
    // A volume that is staged still for the pod before has the options of then.
    const flags = request.volumeCapability?.mount?.mountFlags ?? []
    await bindMount(request.stagingTargetPath, request.targetPath, request.readonly || flags.includes('ro'))
    return {}
  },
  NodeUnpublishVolume: async (request: { targetPath: string }) => {
    await unmountIfMounted(request.targetPath)
    return {}
  },
})

/** The three CSI services of a driver. */
export const csiServices = (driver: Driver, store: VolumeStore, nodeId: string) => [
  { service: loadService('csi.proto', 'csi.v1.Identity'), methods: identity(driver) },
  { service: loadService('csi.proto', 'csi.v1.Controller'), methods: controller(driver, store) },
  { service: loadService('csi.proto', 'csi.v1.Node'), methods: node(store, nodeId) },
]

/** What the kubelet asks on the registration socket. */
export const registrationService = (driver: Driver, endpoint: string, log: (line: string) => void) => ({
  service: loadService('plugin-registration.proto', 'pluginregistration.Registration'),
  methods: {
    GetInfo: () => ({ type: 'CSIPlugin', name: driver.name, endpoint, supportedVersions: ['1.0.0'] }),
    NotifyRegistrationStatus: (status: { pluginRegistered: boolean; error: string }) => {
      log(`${driver.name} ${status.pluginRegistered ? 'registered' : `was refused: ${status.error}`}`)
      return {}
    },
  } as Record<string, Method>,
})
