import { type Resource, structural } from '../../src/api/crd.ts'

interface Schema {
  type?: string
  description?: string
  default?: unknown
  enum?: unknown[]
  items?: Schema
  properties?: Record<string, Schema>
  required?: string[]
  additionalProperties?: Schema
  'x-kubernetes-int-or-string'?: boolean
  'x-kubernetes-validations'?: { message: string }[]
}

const cell = (text: string): string => text.replaceAll('|', '\\|').replaceAll('<', '&lt;').replaceAll('\n', ' ')

const typeOf = (schema: Schema): string => {
  if (schema['x-kubernetes-int-or-string']) return 'quantity'
  if (schema.enum) return schema.enum.map((value) => `\`${value}\``).join(' ')
  if (schema.type === 'array') return `list of ${schema.items?.properties ? 'objects' : typeOf(schema.items ?? {})}`
  if (schema.additionalProperties) return `map to ${typeOf(schema.additionalProperties)}`
  return schema.type ?? 'any'
}

const sentence = (schema: Schema): string =>
  [
    schema.description ?? '',
    schema.default === undefined ? '' : `Default: \`${JSON.stringify(schema.default)}\`.`,
    ...(schema['x-kubernetes-validations'] ?? []).map((rule) => `Refused otherwise: ${rule.message}.`),
  ]
    .filter((part) => part !== '')
    .join(' ')

const rowsOf = (schema: Schema, path: string): string[] =>
  Object.entries(schema.properties ?? {}).flatMap(([name, field]) => {
    const here = path === '' ? name : `${path}.${name}`
    const nested = field.items?.properties ? { schema: field.items, path: `${here}[]` } : { schema: field, path: here }
    const required = schema.required?.includes(name) ? ', required' : ''
    return [
      `| \`${here}\` | ${typeOf(field)}${required} | ${cell(sentence(field))} |`,
      ...rowsOf(nested.schema, nested.path),
    ]
  })

const table = (title: string, schema: Schema): string[] => [
  `### ${title}`,
  '',
  '| field | type | |',
  '|---|---|---|',
  ...rowsOf(schema, ''),
  '',
]

const section = (resource: Resource): string[] => [
  `## ${resource.kind}`,
  '',
  `${resource.description} Short: ${resource.shortNames.map((name) => `\`${name}\``).join(', ')}.`,
  '',
  'The API server refuses what breaks one of these:',
  '',
  ...new Set(resource.rules.map((rule) => `- ${cell(rule.message)}`)),
  '',
  ...table('spec', structural(resource.spec) as Schema),
  ...table('status', structural(resource.status) as Schema),
]

/** docs/reference.md. */
export const referencePage = (resources: Resource[]): string =>
  [
    '<!-- Generated from src/api by `npm run generate`; do not edit. -->',
    '# Reference',
    '',
    'Every field of `granary.dev/v1alpha1`, as `kubectl explain` has it. All kinds are namespaced and in the category `granary`.',
    '',
    ...resources.flatMap(section),
  ].join('\n')
