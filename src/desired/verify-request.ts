/** What `granary.dev/verify-requested-at` asks for: `<new value>[ fast| full| <n>/<t>][ claim/<name>]`. */
export interface VerifyRequest {
  depth: 'Fast' | 'Full'
  part?: { n: number; of: number }
  /** A read-only claim of the version whose volume is to be compared; absent: what is in the store. */
  claim?: string
}

const syntax = 'write a new value, such as the time, and behind it fast, full or n/t, and perhaps claim/<name>'
const mostParts = 100_000

const partOf = (word: string): VerifyRequest['part'] => {
  const match = /^([1-9][0-9]{0,5})\/([1-9][0-9]{0,5})$/.exec(word)
  const [n, of] = [Number(match?.[1]), Number(match?.[2])]
  return n <= of && of <= mostParts ? { n, of } : undefined
}

/** Reads the annotation, or says what is wrong with it. */
export const parseVerifyRequest = (text: string): VerifyRequest | { problem: string } => {
  const [, ...words] = text.trim().split(/\s+/)
  const request: VerifyRequest = { depth: 'Full' }
  for (const word of words) {
    const part = partOf(word)
    if (word === 'fast') request.depth = 'Fast'
    else if (part !== undefined) request.part = part
    else if (/^claim\/[a-z0-9][-a-z0-9.]*$/.test(word)) request.claim = word.slice('claim/'.length)
    else if (word !== 'full') return { problem: `"${word.slice(0, 64)}" means nothing here: ${syntax}` }
  }
  if (request.part !== undefined && request.depth === 'Fast')
    return { problem: `fast looks at all files anyway: leave ${request.part.n}/${request.part.of} out` }
  return request
}
