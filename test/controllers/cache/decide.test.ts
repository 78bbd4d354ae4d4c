import { expect, test } from 'vitest'
import * as kinds from '../../../src/api/kinds.ts'
import type { VolumeCache, VolumeCacheStatus } from '../../../src/api/volume-cache.ts'
import { decide } from '../../../src/controllers/cache/decide.ts'

const now = Date.parse('2026-01-01T00:00:00Z')

const cache = (generation: number, status?: VolumeCacheStatus): VolumeCache => ({
  apiVersion: kinds.VolumeCache.apiVersion,
  kind: kinds.VolumeCache.kind,
  metadata: { name: 'team', namespace: 'vision', uid: 'u', resourceVersion: '7', generation },
  spec: { default: true, volume: { size: '1Gi' }, idleTTL: '72h' },
  ...(status === undefined ? {} : { status }),
})

test('a cache is told that it is not supported yet, and what to use, once', () => {
  const [first] = decide({ now, cache: cache(1) }).status ?? []
  expect(first?.object.metadata).toEqual({ name: 'team', namespace: 'vision', uid: 'u', resourceVersion: '7' })
  const status = first?.status as VolumeCacheStatus
  expect(status.conditions).toMatchObject([
    { type: 'Ready', status: 'False', reason: 'Unsupported', message: expect.stringContaining('spec.volume') },
    { type: 'Stalled', status: 'True', reason: 'Unsupported' },
  ])
  expect(decide({ now: now + 60_000, cache: cache(1, status) })).toEqual({})
})

test('another generation is answered too, and what was there before stays', () => {
  const [first] = decide({ now, cache: cache(1, { hits: 3 }) }).status ?? []
  const [second] = decide({ now: now + 60_000, cache: cache(2, first?.status as VolumeCacheStatus) }).status ?? []
  const since = { lastTransitionTime: '2026-01-01T00:00:00Z' }
  expect(second?.status).toMatchObject({ hits: 3, observedGeneration: 2, conditions: [since, since] })
})
