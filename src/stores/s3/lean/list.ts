import { NotUnderstood, type ResponseHead } from './response-head.ts'
import { type Lean, send } from './send.ts'
import { emptyPayload, encode } from './sigv4.ts'

/** What a page of a listing is asked for with. */
export interface PageRequest {
  prefix: string
  /** Keys at most. */
  most?: number | undefined
  token?: string | undefined
  startAfter?: string | undefined
}

/** The answer to ListObjectsV2, as it came, asked for once. Fails as `send` does. */
export const leanPage = async (lean: Lean, page: PageRequest, signal: AbortSignal | undefined): Promise<Buffer> => {
  const { prefix, most, token, startAfter } = page
  const parameters: [string, string | undefined][] = [
    ['continuation-token', token],
    ['encoding-type', 'url'],
    ['list-type', '2'],
    ['max-keys', most === undefined ? undefined : String(most)],
    ['prefix', prefix],
    ['start-after', token === undefined ? startAfter : undefined],
  ]
  const query = parameters
    .flatMap(([name, value]) => (value === undefined ? [] : [`${name}=${encode(value)}`]))
    .join('&')
  let body = Buffer.alloc(0)
  let at = 0
  const receiver = {
    begin: (head: ResponseHead) => {
      if (head.length === undefined || head.headers.has('content-encoding'))
        throw new NotUnderstood('a listing without a length')
      body = Buffer.allocUnsafe(head.length)
      return true
    },
    data: (chunk: Buffer) => {
      at += chunk.copy(body, at)
    },
  }
  const request = { method: 'GET' as const, key: '', query, headers: {}, payload: emptyPayload, doing: 'list' }
  await send(lean, request, receiver, signal)
  return body
}
