import type { Readable } from 'node:stream'
import type { GetObjectCommandOutput } from '@aws-sdk/client-s3'
import type { GetOptions, ObjectInfo } from '../object-store.ts'
import { checkStretch, type ObjectReader, readObject } from '../reading.ts'
import { abortable, type S3Deps } from './deps.ts'
import { translate } from './errors.ts'
import { infoOf } from './info.ts'

const parseRange = (header: string | undefined): { first: number; total: number } | undefined => {
  const match = /^bytes (\d+)-\d+\/(\d+)$/.exec(header ?? '')
  return match ? { first: Number(match[1]), total: Number(match[2]) } : undefined
}

const readerOf = (deps: S3Deps): ObjectReader => {
  const broken = (error: unknown, key: string, signal: AbortSignal | undefined) =>
    translate(error, { store: deps.name, doing: 'read objects', key, onPrecondition: 'changed' }, signal)
  const open: ObjectReader['open'] = async (key, pin, range, signal) => {
    const last = range?.length === undefined ? '' : range.offset + range.length - 1
    const input = {
      Bucket: deps.bucket,
      Key: key,
      ...(pin.version !== undefined ? { VersionId: pin.version } : {}),
      ...(pin.ifMatch !== undefined ? { IfMatch: `"${pin.ifMatch}"` } : {}),
      ...(range ? { Range: `bytes=${range.offset}-${last}` } : {}),
    }
    let answer: GetObjectCommandOutput
    try {
      const { client, commands } = await deps.sdk()
      answer = await client.send(new commands.GetObject(input), abortable(signal))
    } catch (error) {
      throw broken(error, key, signal)
    }
    const length = answer.ContentLength ?? Number.NaN
    const partial = parseRange(answer.ContentRange)
    const opened = {
      info: infoOf(answer, partial?.total ?? length),
      length,
      offset: partial?.first ?? 0,
      body: answer.Body as Readable,
    }
    return checkStretch(deps.name, key, opened, pin, range)
  }
  return { name: deps.name, retry: deps.retry, summer: deps.summer, open, broken }
}

/** Opens an object or a range of it. */
export const getObject = (
  deps: S3Deps,
  key: string,
  options?: GetOptions,
): Promise<{ info: ObjectInfo; body: Readable }> => readObject(readerOf(deps), key, options)
