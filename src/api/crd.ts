import * as z from 'zod'
import type { Rule } from './schema.ts'

type Json = Record<string, unknown>

/** A column of `kubectl get`. priority 1: only with `-o wide`. */
export interface Column {
  name: string
  type: 'string' | 'integer' | 'date'
  jsonPath: string
  description: string
  priority?: 1
}

/** A kind of ours: everything that its CustomResourceDefinition says. */
export interface Resource {
  kind: string
  plural: string
  singular: string
  shortNames: string[]
  description: string
  spec: z.ZodType
  status: z.ZodType
  /** At the root, where self.metadata.name, self.spec and self.status are seen: transitions belong here. */
  rules: Rule[]
  columns: Column[]
}

/** zod's output as the API server's structural schemas want it. */
const toStructural = (schema: z.core.$ZodType, json: Json): void => {
  if (json['x-kubernetes-int-or-string'] === true) {
    const branches = (json.anyOf ?? []) as Json[]
    const pattern = branches.find((branch) => branch.type === 'string')?.pattern
    if (pattern !== undefined) json.pattern = pattern
    delete json.anyOf
    delete json.type
  }
  if (json.type === 'integer') {
    // zod's bounds of safe integers say nothing about the field
    if (json.minimum === Number.MIN_SAFE_INTEGER) delete json.minimum
    if (json.maximum === Number.MAX_SAFE_INTEGER) delete json.maximum
    json.format = 'int64'
  }
  // an object that lets everything through: its fields are somebody else's
  if (schema._zod.def.type === 'object' && 'additionalProperties' in json) {
    delete json.additionalProperties
    json['x-kubernetes-preserve-unknown-fields'] = true
  }
  delete json.propertyNames
}

/** The OpenAPI schema of a zod schema, as `crds/*.yaml` and the reference have it. */
export const structural = (schema: z.ZodType): Json => {
  const json = z.toJSONSchema(schema, {
    target: 'openapi-3.0',
    io: 'input',
    reused: 'inline',
    cycles: 'throw',
    override: (context) => toStructural(context.zodSchema, context.jsonSchema as Json),
  }) as Json
  delete json.$schema
  return json
}

export const toCrd = (group: string, version: string, resource: Resource): Json => ({
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  metadata: { name: `${resource.plural}.${group}`, labels: { 'app.kubernetes.io/part-of': 'granary' } },
  spec: {
    group,
    scope: 'Namespaced',
    names: {
      kind: resource.kind,
      listKind: `${resource.kind}List`,
      plural: resource.plural,
      singular: resource.singular,
      shortNames: resource.shortNames,
      categories: ['granary'],
    },
    versions: [
      {
        name: version,
        served: true,
        storage: true,
        subresources: { status: {} },
        additionalPrinterColumns: resource.columns,
        schema: {
          openAPIV3Schema: {
            type: 'object',
            description: resource.description,
            required: ['spec'],
            properties: {
              apiVersion: { type: 'string', description: 'Version of the schema of this object.' },
              kind: { type: 'string', description: 'Kind of this object.' },
              metadata: { type: 'object' },
              spec: { ...structural(resource.spec), description: 'What is wanted.' },
              status: { ...structural(resource.status), description: 'What is there; written by Granary.' },
            },
            'x-kubernetes-validations': resource.rules,
          },
        },
      },
    ],
  },
})
