import { z } from 'zod'
import { duration, type Rule, withRules } from './schema.ts'

const tagPattern = /^[a-z0-9]([-a-z0-9._]{0,61}[a-z0-9])?$/

/** A number as people write it: `v` and digits. */
export const versionNumber = (description: string): z.ZodString =>
  z
    .string()
    .max(11)
    .regex(/^v[1-9][0-9]*$/)
    .meta({ description })

const notReserved: Rule = {
  rule: "!self.matches('^(latest|run|none|v[0-9]+|sha256.*|[0-9a-f]{12,64})$')",
  message: 'a tag is not latest, run or none, not v and digits (those are numbers), and not like a digest',
}

/** A tag that can be put on a version. */
export const tag = (description: string) =>
  withRules(z.string().min(1).max(63).regex(tagPattern).meta({ description }), [notReserved])

/** What picks one version of a Dataset: `latest`, a tag, or `v3`. */
export const selector = (description: string) =>
  withRules(z.string().min(1).max(63).regex(tagPattern).meta({ description }), [
    {
      rule: "!self.matches('^v[0-9]+$') || self.matches('^v[1-9][0-9]{0,9}$')",
      message: 'numbers are v1, v2, … without a leading zero',
    },
    { rule: "self != 'run' && self != 'none'", message: 'name a version: latest, a tag, or a number such as v3' },
  ])

/** `[namespace/]name[:latest|:tag|:vN|:run][@sha256:…]`. */
export const refString = (description: string) =>
  withRules(z.string().min(1).max(260).meta({ description }), [
    {
      rule: "self.matches('^([a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?/)?[a-z0-9]([-a-z0-9.]{0,46}[a-z0-9])?(:[a-z0-9]([-a-z0-9._]{0,61}[a-z0-9])?)?(@sha256:[0-9a-f]{12,64})?$')",
      message: 'a ref is [namespace/]name[:latest|:tag|:vN][@sha256:…]: write mnist, mnist:v3 or data/imagenet:prod',
    },
  ])

export const commitPolicy = z.enum(['OnSuccess', 'OnRelease', 'Manual']).meta({
  description:
    'When a version that was written to is committed. OnSuccess: its writer finished without failure. OnRelease: its writer is gone, whatever the result. Manual: a person sets committed: true.',
})

export const checkpoint = z
  .object({ interval: duration('How often.') })
  .meta({ description: 'Save what is there while the writer still runs.' })
