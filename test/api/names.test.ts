import fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  childLabels,
  moverName,
  parseVersionName,
  parseVersionTag,
  versionName,
  versionTag,
} from '../../src/api/names.ts'

const uid = '0b5ff4d8-6a58-4c0e-9bd5-8a1c3e1f1a11'

test('names of versions are read back, whatever the Dataset is called', () => {
  const dataset = fc.stringMatching(/^[a-z0-9]([-a-z0-9.]{0,46}[a-z0-9])?$/)
  fc.assert(
    fc.property(dataset, fc.integer({ min: 1, max: 9_999_999_999 }), (name, sequence) => {
      expect(parseVersionName(versionName(name, sequence))).toEqual({ dataset: name, sequence })
      expect(parseVersionTag(versionTag(sequence))).toBe(sequence)
      expect(versionName(name, sequence).length).toBeLessThanOrEqual(63)
    }),
  )
})

test.each(['mnist', 'mnist-v', 'mnist-v0', 'mnist-v03', 'mnist-v1a', '-v1', 'v1'])('%s names no version', (name) => {
  expect(parseVersionName(name)).toBeUndefined()
})

test('names of Jobs fit into a label', () => {
  expect(moverName('Populate', uid, 999)).toBe(`granary-populate-${uid}-999`)
  for (const op of ['Import', 'Finalize', 'Checkpoint', 'Populate']) {
    expect(moverName(op, uid, 9999).length).toBeLessThanOrEqual(63)
  }
})

test('labels of children leave out what is not known', () => {
  expect(childLabels({ ownerUid: uid, role: 'prime' })).toEqual({
    'app.kubernetes.io/managed-by': 'granary',
    'granary.dev/owner-uid': uid,
    'granary.dev/role': 'prime',
  })
  expect(childLabels({ ownerUid: uid, role: 'mover', dataset: 'mnist', version: 'v3' })).toMatchObject({
    'granary.dev/dataset': 'mnist',
    'granary.dev/version': 'v3',
  })
})
