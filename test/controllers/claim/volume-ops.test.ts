import { describe, expect, test } from 'vitest'
import { handOver } from '../../../src/controllers/claim/decide/hand-over.ts'
import { letGo, retain, swap } from '../../../src/controllers/claim/decide/volume-ops.ts'
import type { World } from '../../../src/controllers/claim/world.ts'
import type { Claim, Volume } from '../../../src/desired/volumes.ts'
import { patchJson } from '../../helpers/model/json-patch.ts'
import { claim, config } from './seeds.ts'

const now = Date.parse('2026-01-02T03:04:05Z')

const withUid = (uid: string, more: Partial<Claim['spec']> = {}, annotations = {}): Claim => {
  const it = claim(annotations, { name: uid, spec: more })
  return { ...it, metadata: { ...it.metadata, uid } }
}

const volume = (spec: Partial<Volume['spec']> = {}, annotations?: Record<string, string>): Volume => ({
  apiVersion: 'v1',
  kind: 'PersistentVolume',
  metadata: { name: 'pv', uid: 'pv', resourceVersion: '7', ...(annotations === undefined ? {} : { annotations }) },
  spec: {
    capacity: { storage: '1Gi' },
    accessModes: ['ReadWriteOnce'],
    persistentVolumeReclaimPolicy: 'Delete',
    claimRef: { kind: 'PersistentVolumeClaim', namespace: 'vision', name: 'prime', uid: 'prime' },
    csi: { driver: 'model.csi' },
    ...spec,
  },
})

const patched = (it: Volume, ops: Parameters<typeof patchJson>[1]): Volume => {
  const copy = structuredClone(it)
  patchJson(copy as never, ops)
  return copy
}

describe('a volume is handed from one claim to another', () => {
  const [from, to] = [withUid('prime'), withUid('target')]

  test('and back: its policy is kept in between, and as it was after', () => {
    const given = patched(volume(), swap(volume(), from, to, now))
    expect(given.spec.claimRef).toMatchObject({ namespace: 'vision', name: 'target', uid: 'target' })
    expect(given.spec.persistentVolumeReclaimPolicy).toBe('Retain')
    expect(given.metadata.annotations).toEqual({
      'granary.dev/reclaim-policy': 'Delete',
      'granary.dev/handed-over-at': '2026-01-02T03:04:05.000Z',
    })
    const free = patched(given, letGo(given))
    expect(free.spec.persistentVolumeReclaimPolicy).toBe('Delete')
    expect(free.metadata.annotations ?? {}).toEqual({})
    expect(letGo(free)).toEqual([])
  })

  test('the first policy is remembered, not the Retain of the first hand-over', () => {
    const given = patched(volume(), swap(volume(), from, to, now))
    const again = patched(given, swap(given, to, withUid('rescue'), now))
    expect(again.metadata.annotations?.['granary.dev/reclaim-policy']).toBe('Delete')
    expect(patched(again, letGo(again)).spec.persistentVolumeReclaimPolicy).toBe('Delete')
  })

  test('not if it belongs to another claim by now, nor if it changed', () => {
    const ops = swap(volume(), from, to, now)
    const other = volume({ claimRef: { namespace: 'vision', name: 'prime', uid: 'another' } })
    expect(() => patched(other, ops)).toThrow()
    const changed = volume()
    changed.metadata.resourceVersion = '8'
    expect(() => patched(changed, ops)).toThrow()
  })

  test('a volume that is kept by its class stays so', () => {
    const kept = patched(
      volume({ persistentVolumeReclaimPolicy: 'Retain' }),
      retain(volume({ persistentVolumeReclaimPolicy: 'Retain' })),
    )
    expect(patched(kept, letGo(kept)).spec.persistentVolumeReclaimPolicy).toBe('Retain')
    expect(retain(kept)).toEqual([])
  })
})

describe('a claim gets its volume', () => {
  /** A claim that starts empty is filled as soon as its prime is bound. */
  const world = (target: Claim, it: Volume): World => ({
    now,
    config,
    claim: target,
    namespace: undefined,
    source: { missing: '' },
    storageClass: undefined,
    volume: undefined,
    prime: { ...withUid('prime'), status: { phase: 'Bound' } },
    primeVolume: it,
    nodeGone: false,
    jobs: [],
    movers: [],
    events: [],
    users: [],
    written: [],
    rescue: undefined,
    adoption: undefined,
    complaint: undefined,
    snapshots: [],
    snapshotClasses: [],
    twins: [],
    attached: false,
  })
  const given = (target: Claim, it: Volume): Volume => {
    const plan = handOver(world(target, it))
    expect(plan?.live).toBe(true)
    return patched(it, plan!.patch![0]!.ops)
  }

  test.each<[string, string[], Record<string, string>, Partial<Volume['spec']>, string[] | undefined]>([
    ['many readers', ['ReadOnlyMany'], {}, {}, ['ro']],
    ['many readers, options of the class', ['ReadOnlyMany'], {}, { mountOptions: ['noatime'] }, ['noatime', 'ro']],
    ['readers of a shared volume', ['ReadWriteMany'], {}, {}, ['ro']],
    ['one node', ['ReadWriteOnce'], {}, {}, undefined],
    ['one node or many readers', ['ReadWriteOnce', 'ReadOnlyMany'], {}, {}, undefined],
    ['a private copy', ['ReadWriteMany'], { 'granary.dev/access': 'Private' }, {}, undefined],
    ['a driver that refuses options', ['ReadOnlyMany'], {}, { csi: { driver: 'efs.csi.aws.com' } }, undefined],
  ])('for %s', (_, accessModes, annotations, spec, mountOptions) => {
    const it = given(withUid('target', { accessModes }, annotations), volume(spec))
    expect(it.spec.accessModes).toEqual(accessModes)
    expect(it.spec.mountOptions).toEqual(mountOptions)
  })

  test('unless it would not fit: that is said', () => {
    const small = withUid('target', { resources: { requests: { storage: '2Gi' } } })
    const plan = handOver(world(small, volume()))
    expect(JSON.stringify(plan?.patch)).toContain('the volume has 1Gi, the claim asks for 2Gi')
  })
})
