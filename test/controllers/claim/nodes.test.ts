import { describe, expect, test } from 'vitest'
import * as kinds from '../../../src/api/kinds.ts'
import type { KubeObject } from '../../../src/api/meta.ts'
import { claimController, indexes } from '../../../src/controllers/claim/index.ts'
import type { PodObject } from '../../../src/desired/objects.ts'
import { strategyOf } from '../../../src/desired/strategy.ts'
import type { Claim, Volume } from '../../../src/desired/volumes.ts'
import { type Actor, drive } from '../../helpers/drive.ts'
import type { ModelApi } from '../../helpers/model-api.ts'
import { cluster } from './cluster.ts'
import { claim, config, model } from './seeds.ts'

const options = (actors: Actor[] = cluster()) => ({ controllers: () => [claimController(config)], indexes, actors })
const find = (api: ModelApi) => api.find<Claim>(kinds.Claim, 'vision', 'data')!
const waiting = (api: ModelApi) => find(api).metadata.annotations?.['granary.dev/waiting']

/** A driver that keeps each volume on the node it was made on. */
const pins: Actor = (api) => {
  const free = api.all<Volume>(kinds.Volume).filter(({ spec }) => spec.nodeAffinity === undefined)
  for (const { metadata } of free)
    api.change<Volume>(kinds.Volume, undefined, metadata.name, (it) => {
      const term = { matchExpressions: [{ key: 'kubernetes.io/hostname', operator: 'In', values: ['node-1'] }] }
      it.spec.nodeAffinity = { required: { nodeSelectorTerms: [term] } }
    })
  return free.length > 0
}

const onNode = (name: string, phase: string, node: string | undefined, more: object = {}): KubeObject =>
  ({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: 'vision', creationTimestamp: '2026-01-01T00:00:00Z' },
    spec: {
      ...(node === undefined ? {} : { nodeName: node }),
      containers: [{ name: 'main' }],
      volumes: [{ name: 'data', persistentVolumeClaim: { claimName: 'data', readOnly: true } }],
    },
    status: { phase, ...more },
  }) as KubeObject

const refused = (message: string) => ({
  conditions: [{ type: 'PodScheduled', status: 'False', reason: 'Unschedulable', message }],
})
const wrongNode = refused("0/2 nodes are available: 1 node(s) didn't match PersistentVolume's node affinity.")

/** A bound claim with v2, whose volume its driver keeps on node-1. */
const bound = async (accessModes: string[], more: Actor[] = [pins]) => {
  const api = model(claim({ 'granary.dev/bind': 'Immediate' }, { spec: { accessModes } }))
  await drive(api, options([...more, ...cluster()]))
  return api
}

describe('reach', () => {
  test.each([
    ['many nodes by its modes, and by its volume', ['ReadOnlyMany'], [], 'ManyNodes'],
    ['many nodes by its modes, but its driver keeps it on one', ['ReadOnlyMany'], [pins], 'OneNode'],
    ['one node by its modes', ['ReadWriteOnce'], [pins], 'OneNode'],
  ])('%s', async (_, modes, more, reach) => {
    const api = await bound(modes, more)
    expect(find(api).status?.phase).toBe('Bound')
    expect(strategyOf(find(api))).toMatchObject({ used: 'Copy', reach })
  })
})

describe('a pod that can not have the volume where it is to run', () => {
  const said = (events: { reason: string; regarding: KubeObject; message: string }[]) =>
    events.filter(({ reason }) => reason === 'SingleNodeOnly').map(({ regarding }) => regarding.kind)

  test('is told so, and what to do, with its claim; once', async () => {
    const api = await bound(['ReadOnlyMany'])
    api.seed(onNode('reader', 'Pending', undefined, wrongNode))
    const { events } = await drive(api, options([]))
    expect(said(events).sort()).toEqual(['PersistentVolumeClaim', 'Pod'])
    expect(waiting(api)).toMatch(/^SingleNodeOnly: Pod reader waits: .* on node node-1 only.*one claim per pod/)
    expect(said((await drive(api, options([]))).events)).toEqual([])
    api.remove(kinds.Pod, 'vision', 'reader')
    await drive(api, options([]))
    expect(waiting(api)).toBeUndefined()
  })

  test.each([
    ['for another reason', refused('0/2 nodes are available: 2 Insufficient cpu.')],
    ['no longer', {}],
  ])('not one that waits %s', async (_, status) => {
    const api = await bound(['ReadOnlyMany'])
    api.seed(onNode('reader', 'Pending', undefined, status))
    const { events } = await drive(api, options([]))
    expect(said(events)).toEqual([])
    expect(waiting(api)).toBeUndefined()
  })

  test('nor where the volume is everywhere', async () => {
    const api = await bound(['ReadOnlyMany'], [])
    api.seed(onNode('reader', 'Pending', undefined, wrongNode))
    expect(said((await drive(api, options([]))).events)).toEqual([])
  })

  test('waits beside a pod on another node that has the volume', async () => {
    const api = await bound(['ReadWriteOnce'], [])
    api.seed(onNode('holder', 'Running', 'node-1'))
    api.seed(onNode('starting', 'Pending', 'node-2'))
    api.change<PodObject>(kinds.Pod, 'vision', 'starting', (it) => {
      it.metadata.creationTimestamp = new Date(api.now).toISOString()
    })
    const { events } = await drive(api, options([]))
    expect(said(events).sort()).toEqual(['PersistentVolumeClaim', 'Pod'])
    expect(waiting(api)).toMatch(/Pod starting waits on node node-2: .* on node node-1 by pod holder/)
    api.change<PodObject>(kinds.Pod, 'vision', 'starting', (it) => {
      it.status = { phase: 'Running' }
    })
    await drive(api, options([]))
    expect(waiting(api)).toBeUndefined()
  })

  test.each([
    ['on the same node', ['ReadWriteOnce'], 'node-1'],
    ['of a claim that many nodes use', ['ReadWriteMany'], 'node-2'],
  ])('not beside a pod %s', async (_, modes, node) => {
    const api = await bound(modes, [])
    api.seed(onNode('holder', 'Running', 'node-1'))
    api.seed(onNode('starting', 'Pending', node))
    expect(said((await drive(api, options([]))).events)).toEqual([])
  })
})
