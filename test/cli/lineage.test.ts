import { expect, test } from 'vitest'
import type { Dataset } from '../../src/api/dataset.ts'
import * as kinds from '../../src/api/kinds.ts'
import { lineageOf, type Related } from '../../src/cli/lineage.ts'
import { commit } from '../../src/transfer/commit.ts'
import { memoryStore } from '../helpers/memory-store.ts'
import { hex, personAt, version, visionApi } from './context.ts'

const input = (ref: string, number: string) => ({ ref, version: number, digest: hex('a') })

const raw = version('raw', 7, {
  namespace: 'data',
  spec: { from: { source: {} } },
  status: { producedBy: { kind: 'Sync', name: 'raw', source: 's3://team/raw/' } },
})
const clean = version('mnist', 2, {
  status: { inputs: [input('data/raw:latest', 'v7')], producedBy: { kind: 'Job', name: 'clean' } },
})
const model = version('model', 1, {
  status: {
    inputs: [input('vision/mnist:prod', 'v2'), input('gone/labels:v1', 'v1')],
    base: { sequence: 9, digest: hex('9'), root: hex('9') },
  },
})
const report = version('report', 1, { status: { inputs: [input('model:latest', 'v1')], phase: 'Running' } })
const all = [raw, clean, model, report]

const names = (related: readonly Related[]): unknown[] =>
  related.map((one) => (one.related.length === 0 ? one.ref : [one.ref, names(one.related)]))

test('up and down over several hops, and what can not be seen any more', () => {
  const graph = lineageOf(clean, all)
  expect(graph.version).toMatchObject({ ref: 'vision/mnist:v2', producedBy: 'Job clean', digest: hex('2') })
  expect(names(graph.up)).toEqual(['data/raw:v7'])
  expect(graph.up[0]).toMatchObject({ as: 'input', producedBy: 'sync of s3://team/raw/' })
  expect(names(graph.down)).toEqual([['vision/model:v1', ['vision/report:v1']]])
  const { up } = lineageOf(model, all)
  expect(names(up)).toEqual(['vision/model:v9', ['vision/mnist:v2', ['data/raw:v7']], 'gone/labels:v1'])
  expect(up[0]).toMatchObject({ as: 'base', unknown: true })
  expect(up[2]).toMatchObject({ as: 'input', unknown: true, digest: hex('a') })
})

test('what is reached twice is told once', () => {
  const twice = version('both', 1, {
    status: { inputs: [input('vision/mnist:v2', 'v2'), input('vision/model:v1', 'v1')] },
  })
  const { up } = lineageOf(twice, all)
  expect(up[1]?.related[1]).toMatchObject({ ref: 'vision/mnist:v2', repeated: true, related: [] })
})

test('as text and as JSON', async () => {
  const api = visionApi()
  api.seed(version('model', 1, { namespace: 'serving', status: { inputs: [input('vision/mnist:v2', 'v2')] } }))
  api.change({ ...kindOfVersion }, 'vision', 'mnist-v2', (object) => {
    Object.assign((object as unknown as { status: object }).status, {
      base: { sequence: 1, digest: hex('1'), root: hex('1') },
    })
  })
  const person = personAt(api)
  const { out, code } = await person.type('lineage mnist')
  expect(code).toBe(0)
  expect(out.split('\n')).toEqual([
    'vision/mnist:v2  sha256:222222222222, by Job clean',
    'made from',
    '  vision/mnist:v1  base, sha256:111111111111, imported from its source',
    'used for',
    '  serving/model:v1  sha256:111111111111',
  ])
  expect(JSON.parse((await person.type('lineage mnist:v2 -o json')).out)).toMatchObject({
    version: { ref: 'vision/mnist:v2' },
    up: [{ ref: 'vision/mnist:v1', as: 'base' }],
    down: [{ ref: 'serving/model:v1', as: 'input' }],
  })
})

test('versions that were adopted are known by their records in the store', async () => {
  const api = visionApi()
  const store = memoryStore('s3://team')
  const prefix = 'granary/vision/mnist/'
  api.change<Dataset>(kinds.Dataset, 'vision', 'mnist', ({ status }) => {
    status!.store = { kind: 's3', bucket: 'team', prefix }
  })
  const dataset = { namespace: 'vision', name: 'mnist', uid: 'uid-mnist' }
  const record = { layout: 1 as const, dataset, createdAt: '2026-01-01T00:00:00Z', root: hex('f'), files: 1, bytes: 1 }
  await commit(store, prefix, { ...record, sequence: 1, digest: hex('1'), inputs: [input('data/raw:v7', 'v7')] })
  await commit(store, prefix, { ...record, sequence: 2, digest: hex('2'), inputs: [input('vision/mnist:v1', 'v1')] })
  api.seed(raw)
  const person = personAt(api, { store })
  expect(JSON.parse((await person.type('lineage mnist:v2 -o json')).out).up).toEqual([])
  const { up } = JSON.parse((await person.type('lineage mnist:v2 --store -o json')).out)
  expect(names(up)).toEqual([['vision/mnist:v1', ['data/raw:v7']]])
})

const kindOfVersion = {
  apiVersion: 'granary.dev/v1alpha1',
  kind: 'DatasetVersion',
  plural: 'datasetversions',
  namespaced: true,
}
