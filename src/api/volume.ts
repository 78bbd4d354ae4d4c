import * as z from 'zod'
import { listOf, objectName, passedOn, quantity, setOf, stringMap, text } from './schema.ts'

const accessMode = z.enum(['ReadWriteOnce', 'ReadWriteOncePod', 'ReadOnlyMany', 'ReadWriteMany'])

export const storageClassName = objectName("A StorageClass; default: the cluster's default class.")

export const accessModes = (description: string) => setOf(accessMode, 4, description)

/** A volume that is written to. */
export const workingVolume = z.object({
  storageClassName: storageClassName.optional(),
  size: quantity(
    'Size of the volume; default: what the base needs, with headroom, or the default of the operator.',
  ).optional(),
  accessModes: accessModes('Default: ReadWriteOnce.').optional(),
})

const quantities = (description: string) =>
  z.record(z.string(), quantity('An amount.')).meta({ description, maxProperties: 16 })

/** What may be set on movers' pods; the operator's config has the same, and what is nearer wins. */
export const moverSettings = z
  .object({
    resources: z
      .object({
        requests: quantities('What a mover asks for.').optional(),
        limits: quantities('What it may use at most.').optional(),
      })
      .optional()
      .meta({ description: 'Requests and limits of the container.' }),
    nodeSelector: stringMap('Labels of the nodes that movers run on.').optional(),
    tolerations: listOf(
      z.object({
        key: text('Key of the taint.', 317).optional(),
        operator: z.enum(['Exists', 'Equal']).optional().meta({ description: 'Default: Equal.' }),
        value: text('Value of the taint.', 63).optional(),
        effect: z.enum(['NoSchedule', 'PreferNoSchedule', 'NoExecute']).optional().meta({ description: 'Effect.' }),
        tolerationSeconds: z.int().optional().meta({ description: 'How long NoExecute is put up with.' }),
      }),
      32,
      'Taints that movers put up with.',
    ).optional(),
    affinity: passedOn('Affinity of the pods, as in a pod.').optional(),
    priorityClassName: objectName('Priority class of the pods.').optional(),
    podLabels: stringMap("Labels of the pods, beside Granary's own.").optional(),
    podAnnotations: stringMap('Annotations of the pods.').optional(),
    imagePullSecrets: listOf(
      z.object({ name: objectName('A Secret of the same namespace.') }),
      16,
      'Secrets to pull the image with.',
    ).optional(),
    securityContext: passedOn(
      'Security context of the pods, as in a pod; default: what the restricted standard asks for.',
    ).optional(),
  })
  .meta({ description: 'How the pods that move data run.' })
export type MoverSettings = z.output<typeof moverSettings>
