import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { structural, toCrd } from '../../src/api/crd.ts'
import { dataset } from '../../src/api/crds/dataset.ts'
import { datasetVersion } from '../../src/api/crds/dataset-version.ts'
import { storageProvider } from '../../src/api/crds/storage-provider.ts'
import { volumeCache } from '../../src/api/crds/volume-cache.ts'
import { DatasetSpec } from '../../src/api/dataset.ts'
import { parseSpec, quantity } from '../../src/api/schema.ts'

type Node = { [key: string]: unknown }

const resources = [dataset, datasetVersion, storageProvider, volumeCache]

/** Every schema in a CRD with its path. */
const schemas = (node: Node, path: string): [string, Node][] => [
  [path, node],
  ...Object.entries((node.properties ?? {}) as Record<string, Node>).flatMap(([name, child]) =>
    schemas(child, `${path}.${name}`),
  ),
  ...(node.items ? schemas(node.items as Node, `${path}[]`) : []),
  ...(node.additionalProperties ? schemas(node.additionalProperties as Node, `${path}{}`) : []),
]

const all = resources.flatMap((resource) => [
  ...schemas(structural(resource.spec), `${resource.kind}.spec`),
  ...schemas(structural(resource.status), `${resource.kind}.status`),
])

describe('the schemas of the resources', () => {
  test('every field is described', () => {
    const named = all.filter(([path]) => /\.[A-Za-z0-9]+$/.test(path) && !/\.(spec|status)$/.test(path))
    expect(named.length).toBeGreaterThan(250)
    expect(named.filter(([, node]) => !node.description).map(([path]) => path)).toEqual([])
  })

  test('every list, map and string has a bound', () => {
    const open = all.filter(([, node]) => {
      if (node.type === 'array') return node.maxItems === undefined
      if (node.additionalProperties) return node.maxProperties === undefined
      return node.type === 'string' && node.maxLength === undefined && node.enum === undefined
    })
    expect(open.map(([path]) => path)).toEqual([])
  })

  test('status has no defaults', () => {
    const defaulted = all.filter(([path, node]) => path.includes('.status') && node.default !== undefined)
    expect(defaulted).toEqual([])
  })

  test('patterns are RE2: no lookaround, no backreference', () => {
    const text = JSON.stringify(resources.map((resource) => toCrd('granary.dev', 'v1alpha1', resource)))
    const patterns = [...text.matchAll(/"pattern":"([^"]*)"|matches\('([^']*)'\)/g)].map((m) => m[1] ?? m[2] ?? '')
    expect(patterns.length).toBeGreaterThan(30)
    for (const pattern of patterns) expect(pattern).not.toMatch(/\(\?[=!<]|\\[1-9]|\\k/)
  })

  test('rules that compare with what was stand at the root', () => {
    const nested = all.filter(([, node]) => JSON.stringify(node['x-kubernetes-validations'] ?? '').includes('oldSelf'))
    expect(nested).toEqual([])
  })
})

describe('structural', () => {
  test('quantities are numbers or strings', () => {
    expect(structural(quantity('Size.'))).toEqual({
      description: 'Size.',
      pattern: expect.any(String),
      'x-kubernetes-int-or-string': true,
    })
  })

  test('whole numbers have no bounds of JavaScript', () => {
    expect(structural(z.int())).toEqual({ type: 'integer', format: 'int64' })
    expect(structural(z.int().min(1).max(9))).toEqual({ type: 'integer', format: 'int64', minimum: 1, maximum: 9 })
  })

  test('what is passed on keeps what Granary does not know', () => {
    expect(structural(z.looseObject({}))).toMatchObject({ 'x-kubernetes-preserve-unknown-fields': true })
  })
})

describe('parseSpec', () => {
  test('an empty spec gets its defaults', () => {
    expect(parseSpec(DatasetSpec, {}).spec).toEqual({ import: 'Auto', adopt: false, deletionPolicy: 'Retain' })
  })

  test('what is wrong is said with its path', () => {
    expect(parseSpec(DatasetSpec, { spec: { volume: { keep: 'two' } } }).problem).toMatch(/^spec\.volume\.keep: /)
  })
})
