import { parseArgs } from 'node:util'
import * as z from 'zod'
import { moverPaths } from './api/move.ts'
import { storeClaimName } from './api/names.ts'
import { parseQuantity } from './api/quantity.ts'
import { ConfigError } from './config-error.ts'
import { logLevels } from './lib/log-levels.ts'

const json = <T extends z.ZodType>(schema: T, example: string) =>
  z
    .string()
    .transform((text, context) => {
      try {
        return JSON.parse(text) as unknown
      } catch {
        context.addIssue(`is not JSON: write for example '${example}'`)
        return z.NEVER
      }
    })
    .pipe(schema)

const address = z.string().regex(/^[^:]*:\d{1,5}$/, 'is [host]:port, for example :8080')
const quantity = z.string().refine((text) => parseQuantity(text) !== undefined, 'is a quantity, for example 20Gi')
const count = z
  .string()
  .regex(/^[1-9]\d{0,5}$/, 'is a number from 1 on')
  .transform(Number)
const quantities = z.record(z.string(), quantity)

const defaultStore = z
  .object({
    s3: z
      .object({
        bucket: z.string(),
        region: z.string().optional(),
        endpoint: z.string().optional(),
        forcePathStyle: z.boolean().optional(),
      })
      .optional(),
    gcs: z.object({ bucket: z.string(), endpoint: z.string().optional() }).optional(),
    /** Made in each namespace that needs it, as the claim `granary-store`. */
    claim: z
      .object({ storageClassName: z.string().min(1).optional(), size: quantity })
      .strict()
      .optional(),
    prefix: z
      .string()
      .regex(/^$|\/$/, 'prefix is empty or ends in a slash')
      .optional(),
  })
  .strict()
  .refine(
    ({ s3, gcs, claim }) => [s3, gcs, claim].filter((one) => one !== undefined).length === 1,
    'names exactly one of s3, gcs and claim',
  )
  .transform(({ claim, ...rest }) =>
    claim === undefined ? rest : { ...rest, claim: { name: storeClaimName, ...claim } },
  )

/** Absolute paths of directories, with commas between them. */
const prefixes = z
  .string()
  .transform((text) => text.split(',').filter((path) => path !== ''))
  .refine(
    (paths) => paths.every((path) => path.startsWith('/') && !path.split('/').includes('..')),
    'is absolute paths with commas between them, for example /mnt/datasets,/srv/shared',
  )

/**
 * What the operator is told, each as flag `--kebab-case=value` or as variable `GRANARY_UPPER_CASE`; a flag wins.
 * No secret is among them.
 */
const OperatorConfig = z.object({
  /** Image of mover pods: this program. */
  moverImage: z.string().min(1, 'is the image of the mover pods'),
  /** Requests and limits of movers whose Dataset says nothing. */
  moverResources: json(
    z.object({ requests: quantities.optional(), limits: quantities.optional() }).strict(),
    '{"requests":{"cpu":"100m","memory":"256Mi"}}',
  ).default({ requests: { cpu: '100m', memory: '256Mi' }, limits: { memory: '1Gi' } }),
  /** The store of Datasets that name none, in namespaces without a default StorageProvider; reached with the mover pod's own identity. */
  defaultStore: json(defaultStore, '{"s3":{"bucket":"team"},"prefix":"granary/"}').optional(),
  /** What hostPath sources must be under; none are allowed by default. */
  allowHostPath: prefixes.default([]),
  /** Of volumes whose Dataset or version says nothing; absent: the cluster's default. */
  defaultStorageClass: z.string().min(1).optional(),
  defaultOutputSize: quantity.default('10Gi'),
  /** Movers that run at once, in the cluster and in one namespace. A quarter of each is kept for finalizing. */
  maxMovers: count.default(64),
  maxMoversPerNamespace: count.default(16),
  metricsAddress: address.default(':8080'),
  healthAddress: address.default(':8081'),
  logLevel: z.enum(logLevels).default('info'),
  /** `false` only where a single operator can ever run. */
  leaderElect: z
    .enum(['true', 'false'])
    .default('true')
    .transform((text) => text === 'true'),
  /** Of the Lease. */
  namespace: z.string().min(1).default('granary-system'),
  /** Path; absent: as kubectl finds it, then the pod's service account. */
  kubeconfig: z.string().min(1).optional(),
})

export interface OperatorConfig extends z.output<typeof OperatorConfig> {
  /** Where bytes go whose own namespace is being deleted. */
  rescueNamespace: string
  /** This is a pod: its host name is like no other's, and when its container starts again the one before is gone. */
  inPod: boolean
}

const kebab = (name: string) => name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)
const variable = (name: string) => `GRANARY_${kebab(name).replaceAll('-', '_').toUpperCase()}`

/** The operator's config from its arguments and the environment. Throws a ConfigError that names the flag. */
export const operatorConfig = (args: string[], environment: NodeJS.ProcessEnv = process.env): OperatorConfig => {
  const names = Object.keys(OperatorConfig.shape)
  const flags = readFlags(args, names)
  const given = Object.fromEntries(names.map((name) => [name, flags[kebab(name)] ?? environment[variable(name)]]))
  const parsed = OperatorConfig.safeParse(given)
  const inPod = environment.KUBERNETES_SERVICE_HOST !== undefined
  if (parsed.success) return { ...parsed.data, rescueNamespace: 'granary-rescue', inPod }
  const [issue] = parsed.error.issues
  const name = String(issue?.path[0])
  const inside = issue?.path.slice(1).join('.')
  const problem = given[name] === undefined ? 'is missing' : `${inside ? `${inside}: ` : ''}${issue?.message}`
  throw new ConfigError(`--${kebab(name)} (or ${variable(name)}) ${problem}`)
}

const readFlags = (args: string[], names: string[]): Record<string, string | undefined> => {
  try {
    const options = Object.fromEntries(names.map((name) => [kebab(name), { type: 'string' as const }]))
    return parseArgs({ args, options }).values
  } catch (error) {
    throw new ConfigError(`${(error as Error).message.split('. ')[0]}; flags are --${names.map(kebab).join(', --')}`)
  }
}

const Mover = z.object({
  GRANARY_MOVE_SPEC: z.string().default(''),
  /** The directory that holds data, credentials and ca: `/` in a pod. */
  GRANARY_MOVER_ROOT: z.string().default(''),
  GRANARY_TERMINATION_LOG: z.string().default('/dev/termination-log'),
  GRANARY_LOG_LEVEL: z.enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace']).default('info'),
  AWS_SECRET_ACCESS_KEY: z.string().default(''),
  AWS_SESSION_TOKEN: z.string().default(''),
})

export interface MoverConfig {
  /** The JSON of a MoveSpec. */
  spec: string
  terminationLog: string
  paths: { root: string; data: string; credentials: string; ca: string }
  logLevel: z.output<typeof Mover>['GRANARY_LOG_LEVEL']
  /** Secrets that came by the environment: never to be printed. */
  secrets: string[]
}

/** What a mover's pod is told by its environment. Throws a sentence if a value is not one of those allowed. */
export const readMoverConfig = (env: NodeJS.ProcessEnv = process.env): MoverConfig => {
  const parsed = Mover.safeParse(env)
  if (!parsed.success) throw new Error(`the mover's environment is not valid: ${z.prettifyError(parsed.error)}`)
  const { GRANARY_MOVE_SPEC: spec, GRANARY_MOVER_ROOT: root, GRANARY_TERMINATION_LOG: terminationLog } = parsed.data
  const { data, credentials, ca } = moverPaths
  return {
    spec,
    terminationLog,
    paths: { root, data: root + data, credentials: root + credentials, ca: root + ca },
    logLevel: parsed.data.GRANARY_LOG_LEVEL,
    secrets: [parsed.data.AWS_SECRET_ACCESS_KEY, parsed.data.AWS_SESSION_TOKEN],
  }
}
