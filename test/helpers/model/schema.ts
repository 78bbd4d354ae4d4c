import { readdirSync, readFileSync } from 'node:fs'
import { parse } from 'yaml'

interface Schema {
  properties?: Record<string, Schema>
  additionalProperties?: Schema | boolean
  items?: Schema
  'x-kubernetes-preserve-unknown-fields'?: boolean
}

const directory = new URL('../../../crds/', import.meta.url)

const schemas = new Map<string, Schema>(
  readdirSync(directory)
    .map((file) => parse(readFileSync(new URL(file, directory), 'utf8')))
    .filter((object) => object.kind === 'CustomResourceDefinition')
    .map((crd) => [crd.spec.names.kind, crd.spec.versions[0].schema.openAPIV3Schema]),
)

const unknownIn = (schema: Schema, value: unknown, path: string): string | undefined => {
  if (Array.isArray(value)) {
    for (const each of value) {
      const found = schema.items && unknownIn(schema.items, each, path)
      if (found !== undefined) return found
    }
    return undefined
  }
  if (typeof value !== 'object' || value === null || schema['x-kubernetes-preserve-unknown-fields']) return undefined
  for (const [name, child] of Object.entries(value)) {
    if (child === undefined) continue
    const more = typeof schema.additionalProperties === 'object' ? schema.additionalProperties : undefined
    const next = schema.properties?.[name] ?? more
    if (next === undefined) return `${path}.${name}`
    const found = unknownIn(next, child, `${path}.${name}`)
    if (found !== undefined) return found
  }
  return undefined
}

/** The first field of a status that the kind's CRD does not declare: a real API server refuses to apply it. */
export const undeclaredField = (kind: string, status: unknown): string | undefined => {
  const schema = schemas.get(kind)?.properties?.status
  return schema && unknownIn(schema, status, '.status')
}
