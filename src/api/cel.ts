import type { Rule } from './schema.ts'

/**
 * CEL that `path` (such as `spec.s3.bucket`) stays what it was once it is set. Removing it is no way around. Every object on the way may be absent.
 * For rules at the root of a schema.
 */
export const unchanged = (path: string): string => {
  const [old, now] = [present('oldSelf', path), present('self', path)]
  return `!(${old}) || ((${now}) && self.${path} == oldSelf.${path})`
}

/** CEL that `path` stays what it was, absent included. */
export const fixed = (path: string): string =>
  `(${present('self', path)}) == (${present('oldSelf', path)}) && (${unchanged(path)})`

/** CEL that the path is there: `has()` of every step, as it fails on a missing parent. */
export const present = (root: 'self' | 'oldSelf', path: string): string => {
  const steps = path.split('.')
  return steps.map((_, i) => `has(${root}.${steps.slice(0, i + 1).join('.')})`).join(' && ')
}

/** CEL: the string at the path, or empty. */
const orEmpty = (root: 'self' | 'oldSelf', path: string): string => `((${present(root, path)}) ? ${root}.${path} : '')`

/** Rules that fix a bucket or claim and prefix below `path`, but not how they are reached. `unless`: CEL that lets a change pass. */
export const fixedPlace = (path: string, members: string[], unless: string, sentence: string): Rule[] =>
  [...members.map((member) => unchanged(`${path}.${member}`)), samePrefix(path)].map((rule) => ({
    rule: `${unless} || (${rule})`,
    message: sentence,
  }))

const samePrefix = (path: string): string =>
  `!(${present('oldSelf', path)}) || ${orEmpty('self', `${path}.prefix`)} == ${orEmpty('oldSelf', `${path}.prefix`)}`

/** Names of our kinds: children add to them, and labels hold 63 characters. */
export const shortName = (kind: string): Rule => ({
  rule: 'size(self.metadata.name) <= 48',
  message: `the name of a ${kind} has at most 48 characters, because names of volumes and Jobs are made from it`,
})

/** The column that every kind has: whether the condition Ready holds. */
export const ready = (field: 'status' | 'reason'): string => `.status.conditions[?(@.type=="Ready")].${field}`
