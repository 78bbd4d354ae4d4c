import { readFileSync } from 'node:fs'
import { parse } from 'yaml'
import { group } from '../../../src/api/kinds.ts'
import { ApiError } from '../../../src/kube/api-error.ts'
import type { KubeObject } from '../../../src/kube/types.ts'
import { invalid } from './facts.ts'

/** A structural schema, as far as the model holds objects to it: everything but CEL rules. */
interface Schema {
  type?: string
  properties?: Record<string, Schema>
  additionalProperties?: Schema
  items?: Schema
  required?: string[]
  enum?: unknown[]
  pattern?: string
  format?: string
  maxLength?: number
  minimum?: number
  maxItems?: number
  'x-kubernetes-preserve-unknown-fields'?: boolean
  'x-kubernetes-int-or-string'?: boolean
}

const schemas = new Map<string, Schema>(
  ['datasets', 'datasetversions', 'storageproviders', 'volumecaches'].map((plural) => {
    const crd = parse(readFileSync(`${import.meta.dirname}/../../../crds/${plural}.yaml`, 'utf8'))
    return [crd.spec.names.kind, crd.spec.versions[0].schema.openAPIV3Schema]
  }),
)

const schemaOf = ({ apiVersion, kind }: KubeObject): Schema | undefined =>
  apiVersion.startsWith(`${group}/`) ? schemas.get(kind) : undefined

/** What server-side apply says of fields that the CRD does not have; a plain write drops them. */
export const refuseUndeclared = (object: KubeObject, part: 'spec' | 'status', value: unknown): void => {
  const path = undeclared(schemaOf(object)?.properties?.[part], value, `.${part}`)
  if (path === undefined) return
  const { namespace, name } = object.metadata
  const message = `failed to create typed patch object (${namespace}/${name}; ${object.apiVersion}, Kind=${object.kind}): ${path}: field not declared in schema`
  throw new ApiError(500, { reason: 'InternalError', message })
}

/** What the server says of an object whose spec or status is not as the CRD has it. */
export const refuseInvalid = (object: KubeObject): void => {
  const schema = schemaOf(object)
  for (const part of ['spec', 'status'] as const) {
    const value = (object as KubeObject & Record<string, unknown>)[part]
    const problem = schema && value !== undefined ? misfit(schema.properties?.[part] ?? {}, value, part) : undefined
    if (problem) throw invalid(object, problem.path, `${problem.path}: Invalid value: ${problem.what}`)
  }
}

const entriesOf = (value: unknown): [string, unknown][] =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
    ? Object.entries(value).filter(([, child]) => child !== undefined)
    : []

const undeclared = (schema: Schema | undefined, value: unknown, path: string): string | undefined => {
  if (!schema || schema['x-kubernetes-preserve-unknown-fields']) return undefined
  if (Array.isArray(value)) return first(value.map((item, i) => undeclared(schema.items, item, `${path}[${i}]`)))
  return first(
    entriesOf(value).map(([name, child]) => {
      const known = schema.properties?.[name] ?? schema.additionalProperties
      return known ? undeclared(known, child, `${path}.${name}`) : `${path}.${name}`
    }),
  )
}

interface Problem {
  path: string
  what: string
}

const misfit = (schema: Schema, value: unknown, path: string): Problem | undefined => {
  const is = typeOf(value)
  const wanted = schema.type
  if (wanted && !schema['x-kubernetes-int-or-string'] && wanted !== is && !(wanted === 'number' && is === 'integer'))
    return { path, what: `"${is}": must be of type ${wanted}` }
  const wrong = scalarProblem(schema, value)
  if (wrong) return { path, what: `${JSON.stringify(value)}: ${wrong}` }
  if (Array.isArray(value)) {
    if (value.length > (schema.maxItems ?? Number.POSITIVE_INFINITY))
      return { path, what: `must have at most ${schema.maxItems} items` }
    return first(value.map((item, i) => misfit(schema.items ?? {}, item, `${path}[${i}]`)))
  }
  const entries = entriesOf(value)
  const missing = is === 'object' && schema.required?.find((name) => !entries.some(([known]) => known === name))
  if (missing) return { path: `${path}.${missing}`, what: 'Required value' }
  return first(
    entries.map(([name, child]) =>
      misfit(schema.properties?.[name] ?? schema.additionalProperties ?? {}, child, `${path}.${name}`),
    ),
  )
}

const scalarProblem = (schema: Schema, value: unknown): string | undefined => {
  if (schema.enum && !schema.enum.includes(value)) return `supported values: ${schema.enum.join(', ')}`
  if (typeof value === 'number' && value < (schema.minimum ?? Number.NEGATIVE_INFINITY))
    return `must be ${schema.minimum} or more`
  if (typeof value !== 'string') return undefined
  if ([...value].length > (schema.maxLength ?? Number.POSITIVE_INFINITY))
    return `may not be longer than ${schema.maxLength}`
  if (schema.pattern && !new RegExp(schema.pattern, 'u').test(value)) return `should match ${schema.pattern}`
  return schema.format === 'date-time' && Number.isNaN(Date.parse(value)) ? 'must be a date-time' : undefined
}

const typeOf = (value: unknown): string => {
  if (Array.isArray(value)) return 'array'
  if (value === null) return 'null'
  return typeof value === 'number' ? (Number.isInteger(value) ? 'integer' : 'number') : typeof value
}

const first = <T>(values: (T | undefined)[]): T | undefined => values.find((value) => value !== undefined)
