import { type Dispatcher, request } from 'undici'
import { StoreError } from '../object-store.ts'
import { TransientError } from '../retry.ts'

/** Hops from a url to where its file is. */
const mostRedirects = 5
const redirects = new Set([301, 302, 303, 307, 308])

/** A url as it may be shown: what comes after a question mark may be a signature. */
export const shown = (url: URL): string => `${url.origin}${url.pathname}`

export interface Question {
  dispatcher: Dispatcher
  method: 'GET' | 'HEAD'
  url: string
  headers: Record<string, string>
  /** Of the file, for errors. */
  key: string
  signal?: AbortSignal | undefined
}

export interface Answer {
  status: number
  header(name: string): string | undefined
  body: Dispatcher.ResponseData['body']
  /** Where the file is in the end. */
  url: URL
}

const nextUrl = (from: URL, location: string | undefined, key: string): URL => {
  const refuse = (why: string) => new StoreError('invalid', `${key}: ${shown(from)} sends on to ${why}`, key)
  if (location === undefined || !URL.canParse(location, from.href)) throw refuse('an address that is none')
  const url = new URL(location, from)
  if (!['http:', 'https:'].includes(url.protocol)) throw refuse('something else than http or https')
  if (url.username !== '' || url.password !== '') throw refuse('an address with a user name in it')
  if (from.protocol === 'https:' && url.protocol === 'http:') throw refuse('an address without TLS')
  return url
}

/** Dates are rare enough to be taken as no answer. */
const retryAfter = (text: string | undefined): number | undefined =>
  text !== undefined && /^\d{1,6}$/.test(text) ? Number(text) * 1000 : undefined

const failureOf = (status: number, url: URL, key: string, after: string | undefined): Error => {
  const what = `${key}: ${shown(url)} answers ${status}`
  if (status === 404 || status === 410) return new StoreError('not-found', `${what}: mend the url`, key)
  if (status === 401 || status === 403 || status === 407)
    return new StoreError('denied', `${what}: only files that anybody may read can be a source`, key)
  if (status === 408 || status === 425 || status === 429 || status >= 500)
    return new TransientError(new StoreError('unreachable', what, key), retryAfter(after))
  return new StoreError('invalid', what, key)
}

const askOnce = async (question: Question, url: URL): Promise<Answer> => {
  const { dispatcher, method, headers, signal, key } = question
  try {
    const options = { dispatcher, method, headers, ...(signal ? { signal } : {}) }
    const { statusCode, headers: answered, body } = await request(url.href, options)
    const header = (name: string) => {
      const value = answered[name]
      return Array.isArray(value) ? value[0] : value
    }
    return { status: statusCode, header, body, url }
  } catch (error) {
    signal?.throwIfAborted()
    const { code } = error as NodeJS.ErrnoException
    throw new TransientError(
      new StoreError('unreachable', `${key}: ${url.origin} can't be reached (${code ?? 'no answer'})`, key),
    )
  }
}

/** Asks for a file and follows where the server sends it. Anything but 200 and 206 is a StoreError, or a TransientError. No credentials are sent anywhere. */
export const ask = async (question: Question): Promise<Answer> => {
  let url = new URL(question.url)
  for (let hop = 0; hop <= mostRedirects; hop++) {
    const answer = await askOnce(question, url)
    if (answer.status === 200 || answer.status === 206) return answer
    await answer.body.dump({ limit: 65_536 }).catch(() => {})
    if (!redirects.has(answer.status)) throw failureOf(answer.status, url, question.key, answer.header('retry-after'))
    url = nextUrl(url, answer.header('location'), question.key)
  }
  throw new StoreError(
    'invalid',
    `${question.key}: more than ${mostRedirects} addresses one after the other`,
    question.key,
  )
}
