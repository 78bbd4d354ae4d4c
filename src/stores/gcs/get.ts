import type { Readable } from 'node:stream'
import type { GetOptions, ObjectInfo } from '../object-store.ts'
import { checkStretch, type ObjectReader, readObject } from '../reading.ts'
import { type GcsDeps, header, queryOf, refusal } from './client.ts'
import { translate } from './errors.ts'
import { infoOfAnswer, isGeneration } from './info.ts'

/** Where an object is, seen from the bucket. */
export const objectPath = (deps: GcsDeps, key: string): string => `${deps.path}/o/${encodeURIComponent(key)}`

const parseRange = (text: string | undefined): { first: number; total: number } | undefined => {
  const match = /^bytes (\d+)-\d+\/(\d+)$/.exec(text ?? '')
  return match ? { first: Number(match[1]), total: Number(match[2]) } : undefined
}

/** How this bucket is asked for bytes. */
export const readerOf = (deps: GcsDeps): ObjectReader => {
  const broken = (error: unknown, key: string, signal: AbortSignal | undefined) =>
    translate(error, { store: deps.name, doing: 'read objects', key, onPrecondition: 'changed' }, signal)
  const open: ObjectReader['open'] = async (key, pin, range, signal) => {
    const { version, ifMatch } = pin
    // Servers that don't know the condition answer all the same: the generation of the answer is compared too.
    const condition = ifMatch !== undefined && isGeneration(ifMatch) ? ifMatch : undefined
    const query = queryOf({ alt: 'media', generation: version, ifGenerationMatch: condition })
    const last = range?.length === undefined ? '' : range.offset + range.length - 1
    try {
      const answer = await deps.send({
        method: 'GET',
        path: objectPath(deps, key) + query,
        // Without it, objects that are stored compressed are sent as what they were before: other bytes than size and checksums are about.
        headers: { 'accept-encoding': 'gzip', ...(range ? { range: `bytes=${range.offset}-${last}` } : {}) },
        signal,
      })
      if (answer.status !== 200 && answer.status !== 206) throw await refusal(answer)
      const partial = answer.status === 206 ? parseRange(header(answer, 'content-range')) : undefined
      const length = Number(header(answer, 'content-length') ?? Number.NaN)
      const info = infoOfAnswer(answer, partial?.total, version)
      return checkStretch(deps.name, key, { info, length, offset: partial?.first ?? 0, body: answer.body }, pin, range)
    } catch (error) {
      throw broken(error, key, signal)
    }
  }
  return { name: deps.name, retry: deps.retry, summer: deps.summer, open, broken }
}

/** Opens an object or a range of it. */
export const getObject = (
  deps: GcsDeps,
  key: string,
  options?: GetOptions,
): Promise<{ info: ObjectInfo; body: Readable }> => readObject(readerOf(deps), key, options)
