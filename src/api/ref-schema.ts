import * as z from 'zod'
import {
  meaninglessRefPattern,
  meaninglessSelectorPattern,
  numberPattern,
  refPattern,
  reservedTagPattern,
  selectorPattern,
  tagPattern,
} from './ref-pattern.ts'
import { duration, type Rule, withRules } from './schema.ts'

const matches = (pattern: string): string => `self.matches('${pattern}')`

const selectorMeans: Rule = {
  rule: `!${matches(meaninglessSelectorPattern)}`,
  message: 'name a version by latest, a tag, or a number such as v3 (without a leading zero)',
}

/** A number as people write it: `v` and digits. */
export const versionNumber = (description: string): z.ZodString =>
  z.string().max(11).regex(new RegExp(numberPattern)).meta({ description })

/** CEL that a variable holds a tag that can be put on a version. */
export const isTag = (variable: string): string =>
  `${variable}.matches('${tagPattern}') && !${variable}.matches('${reservedTagPattern}')`

export const tagSentence =
  'a tag has at most 63 small letters, digits, "-", "." and "_", and is not latest, run or none, not v and digits (those are numbers), and not like a digest'

/** A tag that can be put on a version. */
export const tag = (description: string) =>
  withRules(z.string().min(1).max(63).meta({ description }), [{ rule: isTag('self'), message: tagSentence }])

/** What picks one version of a Dataset: `latest`, a tag, or `v3`. */
export const selector = (description: string) =>
  withRules(z.string().min(1).max(63).regex(new RegExp(tagPattern)).meta({ description }), [
    selectorMeans,
    { rule: "self != 'run' && self != 'none'", message: 'name a version: latest, a tag, or a number such as v3' },
  ])

/** What a working volume starts with: a selector, perhaps with a digest, or `none`. */
export const base = (description: string) =>
  withRules(z.string().min(1).max(140).meta({ description }), [
    {
      rule: `${matches(selectorPattern)} && self != 'run'`,
      message: 'a base is latest, a tag, a number such as v3, or none for an empty volume',
    },
    selectorMeans,
  ])

/** `[namespace/]name[:latest|:tag|:vN|:run][@sha256:…]`. */
export const refString = (description: string) =>
  withRules(z.string().min(1).max(260).meta({ description }), [
    {
      rule: `${matches(refPattern)} && !${matches(meaninglessRefPattern)}`,
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
