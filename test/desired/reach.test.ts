import { describe, expect, test } from 'vitest'
import { onlyNodeOf } from '../../src/desired/reach.ts'
import type { Volume } from '../../src/desired/volumes.ts'

const volume = (...terms: { key: string; values: string[]; operator?: string }[][]): Volume => ({
  apiVersion: 'v1',
  kind: 'PersistentVolume',
  metadata: { name: 'pv' },
  spec: {
    nodeAffinity: {
      required: {
        nodeSelectorTerms: terms.map((term) => ({
          matchExpressions: term.map((one) => ({ operator: 'In', ...one })),
        })),
      },
    },
  },
})
const zone = { key: 'topology.kubernetes.io/zone', values: ['a'] }
const on = (node: string, key = 'kubernetes.io/hostname') => ({ key, values: [node] })

describe('onlyNodeOf', () => {
  test.each<[string, Volume, string | undefined]>([
    ['a host name', volume([on('one')]), 'one'],
    ['a driver’s own key', volume([on('one', 'topology.topolvm.io/node')]), 'one'],
    ['a node within a zone', volume([zone, on('one')]), 'one'],
    ['the same node twice', volume([on('one')], [on('one'), zone]), 'one'],
    ['one node or another', volume([on('one')], [on('two')]), undefined],
    ['one node or a zone', volume([on('one')], [zone]), undefined],
    ['several nodes', volume([{ key: 'kubernetes.io/hostname', values: ['one', 'two'] }]), undefined],
    ['all but one node', volume([{ key: 'kubernetes.io/hostname', operator: 'NotIn', values: ['one'] }]), undefined],
    ['a zone', volume([zone]), undefined],
    ['anywhere', volume(), undefined],
    ['no word', { apiVersion: 'v1', kind: 'PersistentVolume', metadata: { name: 'pv' }, spec: {} }, undefined],
  ])('%s', (_, seen, node) => {
    expect(onlyNodeOf(seen)).toBe(node)
  })
})
