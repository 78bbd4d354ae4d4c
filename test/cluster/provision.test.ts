import { describe, expect, test } from 'vitest'
import {
  bytesOf,
  type Claim,
  mayDestroy,
  nodeOf,
  type PersistentVolume,
  type StorageClass,
  sourceOf,
  volumeFor,
  wantsVolume,
} from '../../scripts/cluster/csi/provision.ts'

const driver = 'dir.csi.test.granary.dev'

const storageClass = (volumeBindingMode: string): StorageClass => ({
  apiVersion: 'storage.k8s.io/v1',
  kind: 'StorageClass',
  metadata: { name: 'fast' },
  provisioner: driver,
  volumeBindingMode,
})

const claim = (annotations: Record<string, string> = {}, spec: Partial<Claim['spec']> = {}): Claim => ({
  apiVersion: 'v1',
  kind: 'PersistentVolumeClaim',
  metadata: { name: 'data', namespace: 'team', uid: 'uid-1', annotations },
  spec: { storageClassName: 'fast', ...spec },
  status: { phase: 'Pending' },
})

const asked = { 'volume.kubernetes.io/storage-provisioner': driver }
const placed = { ...asked, 'volume.kubernetes.io/selected-node': 'node' }
const dataset = { apiGroup: 'granary.dev', kind: 'Dataset', name: 'mnist' }
const [immediate, waiting] = [storageClass('Immediate'), storageClass('WaitForFirstConsumer')]

describe('bytesOf', () => {
  test.each([
    ['64Mi', 64 * 2 ** 20],
    ['1Gi', 2 ** 30],
    ['1.5Gi', 1.5 * 2 ** 30],
    ['1G', 1e9],
    ['1000', 1000],
    ['1e3', 1000],
    ['500m', 1],
  ])('%s is %d bytes', (quantity, bytes) => {
    expect(bytesOf(quantity)).toBe(bytes)
  })

  test.each(['', 'Gi', '1X', '1 Gi', '-1'])('%j is refused', (quantity) => {
    expect(() => bytesOf(quantity)).toThrow('not a quantity')
  })
})

describe('sourceOf', () => {
  test.each([
    ['nothing', undefined, { kind: 'empty' }],
    ['a claim', { kind: 'PersistentVolumeClaim', name: 'a' }, { kind: 'claim', name: 'a' }],
    [
      'a snapshot',
      { apiGroup: 'snapshot.storage.k8s.io', kind: 'VolumeSnapshot', name: 's' },
      { kind: 'snapshot', name: 's' },
    ],
    ["another populator's source", dataset, undefined],
  ])('%s', (_, dataSourceRef, source) => {
    expect(sourceOf(claim({}, dataSourceRef ? { dataSourceRef } : {}))).toEqual(source)
  })
})

describe('wantsVolume', () => {
  const lost = { ...claim(asked), status: { phase: 'Lost' } }
  const deleted = { ...claim(asked), metadata: { ...claim(asked).metadata, deletionTimestamp: 'now' } }
  test.each([
    ['asked for, immediate', claim(asked), immediate, true],
    ['not yet asked for', claim(), immediate, false],
    ['asked of another driver', claim({ 'volume.kubernetes.io/storage-provisioner': 'other' }), immediate, false],
    ['waits for its pod', claim(asked), waiting, false],
    ['its pod has a node', claim(placed), waiting, true],
    ['has a volume', claim(placed, { volumeName: 'pv' }), waiting, false],
    ['is for another populator', claim(placed, { dataSourceRef: dataset }), waiting, false],
    ['lost its volume', lost, immediate, false],
    ['is being deleted', deleted, immediate, false],
  ])('%s', (_, one, storage, wanted) => {
    expect(wantsVolume(one, storage)).toBe(wanted)
  })
})

describe('nodeOf', () => {
  test.each([
    ['asked', placed, 'node'],
    ['not asked', asked, undefined],
  ])('the scheduler was %s', (_, annotations, node) => {
    expect(nodeOf(claim(annotations))).toBe(node)
  })

  test('a volume is kept on its node; without one it can be used everywhere', () => {
    const path = 'nodeAffinity.required.nodeSelectorTerms[0].matchExpressions[0].values'
    expect(volumeFor(claim(), immediate, { size: 1, node: 'node' }).spec).toHaveProperty(path, ['node'])
    expect(volumeFor(claim(), immediate, { size: 1 }).spec).not.toHaveProperty('nodeAffinity')
  })
})

describe('mayDestroy', () => {
  const volume = (phase: string, policy = 'Delete', uid: string | undefined = 'uid-1'): PersistentVolume => {
    const made = volumeFor(claim(), { ...immediate, reclaimPolicy: policy }, { size: 2 ** 20, node: 'node' })
    const claimRef = { namespace: 'team', name: 'data', ...(uid && { uid }) }
    return { ...made, spec: { ...made.spec, claimRef }, status: { phase } }
  }
  const other = { ...claim(), metadata: { ...claim().metadata, uid: 'uid-2' } }
  test.each([
    ['released, its claim is gone', volume('Released'), undefined, true],
    ['released, a later claim has the name', volume('Released'), other, true],
    ['released in a list that is old: its claim lives', volume('Released'), claim(), false],
    ['given to another claim, which lives', volume('Released', 'Delete', 'uid-2'), other, false],
    ['given to a claim that has no uid yet', volume('Released', 'Delete', ''), undefined, false],
    ['bound', volume('Bound'), claim(), false],
    ['available', volume('Available'), undefined, false],
    ['released, to be kept', volume('Released', 'Retain'), undefined, false],
  ])('%s', (_, one, living, destroy) => {
    expect(mayDestroy(one, living)).toBe(destroy)
  })
})
