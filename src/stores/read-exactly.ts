import type { Readable } from 'node:stream'
import { StoreError } from './object-store.ts'

/** All bytes of a stream that has to have so many of them; `changed` otherwise. `bytes`: memory for just so many. */
export const readExactly = async (
  stream: Readable,
  length: number,
  what: string,
  bytes = Buffer.allocUnsafe(length),
): Promise<Buffer> => {
  let at = 0
  for await (const chunk of stream as AsyncIterable<Uint8Array>) {
    if (at + chunk.length > length) throw new StoreError('changed', `${what} is longer than it was`)
    bytes.set(chunk, at)
    at += chunk.length
  }
  if (at < length) throw new StoreError('changed', `${what} is shorter than it was`)
  return bytes
}
