import { expect, test } from 'vitest'
import { readerModes } from '../../src/desired/version-claim.ts'

test.each([
  ['nfs.csi.k8s.io', 'ReadOnlyMany'],
  ['rook-ceph.cephfs.csi.ceph.com', 'ReadOnlyMany'],
  ['efs.csi.aws.com', 'ReadWriteMany'],
  ['fsx.csi.aws.com', 'ReadWriteMany'],
  ['rook-ceph.rbd.csi.ceph.com', 'ReadWriteOnce'],
  [undefined, 'ReadWriteOnce'],
])('a read-only claim of driver %s has the access mode %s', (driver, mode) => {
  expect(readerModes(driver)).toEqual([mode])
})
