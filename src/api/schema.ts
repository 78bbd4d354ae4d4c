import * as z from 'zod'

/** One rule of `x-kubernetes-validations`: CEL, and the sentence that the API server answers with. */
export interface Rule {
  rule: string
  message: string
}

/** Puts CEL rules on a schema; rules that compare with `oldSelf` belong at the root (see crd.ts). */
export const withRules = <T extends z.ZodType>(schema: T, rules: Rule[]): T =>
  schema.meta({ ...schema.meta(), 'x-kubernetes-validations': rules }) as T

/** CEL that holds when exactly one of the fields of `self` is set. */
export const exactlyOne = (fields: string[]): string =>
  `[${fields.map((field) => `has(self.${field})`).join(', ')}].filter(x, x).size() == 1`

/** A string with a bound: every string that CEL can see needs one. */
export const text = (description: string, max = 253): z.ZodString => z.string().max(max).meta({ description })

/** A name of an object of Kubernetes (DNS subdomain). */
export const objectName = (description: string, max = 253): z.ZodString =>
  z
    .string()
    .min(1)
    .max(max)
    .regex(/^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/)
    .meta({ description })

/** A name of a namespace (DNS label). */
export const namespaceName = (description: string): z.ZodString =>
  z
    .string()
    .min(1)
    .max(63)
    .regex(/^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/)
    .meta({ description })

/** RFC 3339. */
export const time = (description: string): z.ZodString => z.string().max(64).meta({ description, format: 'date-time' })

/** Whole numbers from zero. */
export const count = (description: string): z.ZodInt => z.int().min(0).meta({ description })

/** A duration of hours, minutes and seconds, `1h30m`. Parse with duration.ts. */
export const duration = (description: string): z.ZodString =>
  z
    .string()
    .min(2)
    .max(24)
    .regex(/^([0-9]{1,7}h)?([0-9]{1,7}m)?([0-9]{1,7}s)?$/)
    .meta({ description: `${description} Hours, minutes and seconds, such as 90s, 10m or 1h30m.` })

/** A Kubernetes quantity; a bare number stays one in YAML, so both are taken. Parse with quantity.ts. */
export const quantity = (description: string) =>
  z
    .union([
      z.int(),
      z
        .string()
        .max(32)
        .regex(/^[0-9]{1,18}(\.[0-9]{1,9})?(m|k|M|G|T|P|E|Ki|Mi|Gi|Ti|Pi|Ei)?$/),
    ])
    .meta({ description, 'x-kubernetes-int-or-string': true })

/** A list without duplicates whose order does not matter, merged by value in server-side apply. */
export const setOf = <T extends z.ZodType>(item: T, max: number, description: string) =>
  z.array(item).max(max).meta({ description, 'x-kubernetes-list-type': 'set' })

/** A list that is written as a whole. */
export const listOf = <T extends z.ZodType>(item: T, max: number, description: string) =>
  z.array(item).max(max).meta({ description, 'x-kubernetes-list-type': 'atomic' })

/** A list of objects with a key, so that several writers can each own entries. */
export const mapOf = <T extends z.ZodType>(item: T, keys: string[], max: number, description: string) =>
  z.array(item).max(max).meta({
    description,
    'x-kubernetes-list-type': 'map',
    'x-kubernetes-list-map-keys': keys,
  })

/** A map of strings; `maxProperties` is what CEL's cost needs. */
export const stringMap = (description: string, max = 64) =>
  z.record(z.string(), z.string().max(253)).meta({ description, maxProperties: max })

/** A part of a pod's spec that Granary passes on and does not look into. */
export const passedOn = (description: string) => z.looseObject({}).meta({ description })

/** A sha256 as Granary writes it: 64 hex digits. */
export const sha256 = (description: string): z.ZodString =>
  z
    .string()
    .max(64)
    .regex(/^[0-9a-f]{64}$/)
    .meta({ description })

export const conditions = mapOf(
  z.object({
    type: text('Type of the condition.', 64),
    status: z.enum(['True', 'False', 'Unknown']).meta({ description: 'Whether it holds.' }),
    reason: text('One word that says why; see docs/reasons.md.', 128),
    message: text('A sentence that says what is the matter and what to do.', 4096),
    lastTransitionTime: time('When status changed last.'),
    observedGeneration: z.exactOptional(count('metadata.generation that it speaks of.')),
  }),
  ['type'],
  24,
  'What holds now, as metav1.Condition with the meaning that kstatus gives Ready, Reconciling and Stalled.',
)

/** What a failed attempt leaves behind, so that the next round knows when to try again and what to say. */
export const failure = z
  .object({
    op: text('The operation of the mover.', 32).optional(),
    reason: text('Why, a reason of docs/reasons.md.', 128),
    message: text('What was wrong and what to do.', 4096),
    at: time('When.'),
  })
  .meta({ description: 'The last failed attempt.' })
export type Failure = z.output<typeof failure>

/** The first thing that is wrong with a spec, as a sentence for a condition; or the spec with its defaults. */
export const parseSpec = <T>(
  schema: z.ZodType<T>,
  object: { spec?: unknown },
): { spec: T; problem?: never } | { problem: string; spec?: never } => {
  const parsed = schema.safeParse(object.spec ?? {})
  if (parsed.success) return { spec: parsed.data }
  const issue = parsed.error.issues[0]
  return { problem: `spec.${issue?.path.join('.') ?? ''}: ${issue?.message ?? 'is not valid'}` }
}
