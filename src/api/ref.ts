import { parseVersionTag } from './names.ts'
import { refPattern, selectorPattern, tagPattern } from './ref-pattern.ts'

/** Names a version of a Dataset: `[namespace/]name[:latest|:tag|:vN|:run][@sha256:<at least 12 hex>]`. */
export interface DatasetRef {
  /** Absent: the namespace of who asks. */
  namespace?: string
  name: string
  selector: Selector
  /** 12 to 64 hex digits of the content digest, which the version must have. */
  digest?: string
}

/** Which version: the highest committed one, the one of the same run, a number, or a tag. */
export type Selector =
  | { kind: 'latest' }
  | { kind: 'run' }
  | { kind: 'number'; sequence: number }
  | { kind: 'tag'; tag: string }

export type Parsed<T> = { value: T; problem?: never } | { problem: string; value?: never }

const ref = new RegExp(refPattern)
const selection = new RegExp(selectorPattern)
const tagLetters = new RegExp(tagPattern)

/** What is wrong with a tag that is to be put on a version; undefined if nothing is. */
export const tagProblem = (tag: string): string | undefined => {
  if (!tagLetters.test(tag))
    return `"${tag}" is no tag: at most 63 small letters, digits, "-", "." and "_", with a letter or digit at both ends`
  if (['latest', 'run', 'none'].includes(tag)) return `"${tag}" is no tag: it has a meaning of its own`
  if (/^v[0-9]+$/.test(tag)) return `"${tag}" is no tag: v and digits is a number`
  if (/^(sha256[-a-z0-9._]*|[0-9a-f]{12,64})$/.test(tag)) return `"${tag}" is no tag: it looks like a digest`
  return undefined
}

const toSelector = (text: string): Parsed<Selector> => {
  if (text === 'latest' || text === 'run') return { value: { kind: text } }
  if (/^v[0-9]+$/.test(text)) {
    const sequence = parseVersionTag(text)
    return sequence === undefined
      ? { problem: `"${text}" is no number of a version: they are v1, v2, … without a leading zero` }
      : { value: { kind: 'number', sequence } }
  }
  const problem = tagProblem(text)
  return problem === undefined ? { value: { kind: 'tag', tag: text } } : { problem }
}

export const parseRef = (text: string): Parsed<DatasetRef> => {
  const match = ref.exec(text)
  if (!match)
    return {
      problem: `"${text.slice(0, 260)}" is no ref: write [namespace/]name[:latest|:tag|:vN][@sha256:…], for example mnist, mnist:v3 or data/imagenet:prod`,
    }
  const [, namespace, name = '', which, digest] = match
  const selector = toSelector(which ?? 'latest')
  if (selector.value === undefined) return selector
  return {
    value: {
      ...(namespace === undefined ? {} : { namespace }),
      name,
      selector: selector.value,
      ...(digest === undefined ? {} : { digest }),
    },
  }
}

/** What stands in `granary.dev/version` and `spec.base`: the part of a ref after the name. `none` is for the caller to look at first. */
export const parseSelector = (text: string): Parsed<{ selector: Selector; digest?: string }> => {
  const match = selection.exec(text)
  if (!match?.[1])
    return { problem: `"${text.slice(0, 140)}" names no version: write latest, a tag, or a number such as v3` }
  const selector = toSelector(match[1])
  if (selector.value === undefined) return selector
  return { value: { selector: selector.value, ...(match[2] === undefined ? {} : { digest: match[2] }) } }
}

export const formatSelector = (selector: Selector): string => {
  switch (selector.kind) {
    case 'number':
      return `v${selector.sequence}`
    case 'tag':
      return selector.tag
    default:
      return selector.kind
  }
}

/** The ref in full: `:latest` is written out. */
export const formatRef = (to: DatasetRef): string =>
  `${to.namespace === undefined ? '' : `${to.namespace}/`}${to.name}:${formatSelector(to.selector)}${to.digest === undefined ? '' : `@sha256:${to.digest}`}`
