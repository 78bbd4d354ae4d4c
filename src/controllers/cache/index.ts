import * as kinds from '../../api/kinds.ts'
import type { VolumeCache } from '../../api/volume-cache.ts'
import type { Controller } from '../../kube/types.ts'
import { decide, type World } from './decide.ts'

/** VolumeCaches. Field manager `granary-cache`. */
export const cacheController = (): Controller<World> => ({
  name: 'cache',
  watches: [{ kind: kinds.VolumeCache, keys: ({ metadata }) => [`${metadata.namespace ?? ''}/${metadata.name}`] }],
  async observe(reader, key, now) {
    const [namespace = '', name = ''] = key.split('/')
    const cache = await reader.get<VolumeCache>(kinds.VolumeCache, namespace, name)
    return cache && { cache, now }
  },
  decide,
})
