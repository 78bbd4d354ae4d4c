/** What refs and tags look like, once for the parser and for CEL: plain RE2, no lookahead. */

const label = '[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?'
const datasetName = '[a-z0-9](?:[-a-z0-9.]{0,46}[a-z0-9])?'
const word = '[a-z0-9](?:[-a-z0-9._]{0,61}[a-z0-9])?'
const digest = '@sha256:([0-9a-f]{12,64})'
const digestLike = 'sha256[-a-z0-9._]*|[0-9a-f]{12,64}'

/** Groups: namespace, name, selector, digest. */
export const refPattern = `^(?:(${label})/)?(${datasetName})(?::(${word}))?(?:${digest})?$`
/** Groups: selector, digest. */
export const selectorPattern = `^(${word})(?:${digest})?$`
/** The letters that a tag may have. */
export const tagPattern = `^${word}$`
export const reservedTagPattern = `^(?:latest|run|none|v[0-9]+|${digestLike})$`
/** `v3`; not v0, v03, or more than ten digits. */
export const numberPattern = '^v[1-9][0-9]{0,9}$'
/** A ref whose selector has the letters of one and means nothing. */
export const meaninglessRefPattern = `^[^:@]*:(?:none|v0[0-9]*|v[0-9]{11,}|${digestLike})(?:@|$)`
/** The same for a selector alone; `none` and `run` are for the place where it stands. */
export const meaninglessSelectorPattern = `^(?:v0[0-9]*|v[0-9]{11,}|${digestLike})(?:@|$)`
