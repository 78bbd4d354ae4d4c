import { resolve } from 'node:path'

/** A place that files are copied from or to, as a person writes it. */
export type Address =
  | { kind: 's3' | 'gs'; bucket: string /** Empty, or ends in a slash. */; prefix: string }
  | { kind: 'dir'; path: string }

/** An address that can't be used; the message is one sentence for who wrote it. */
export class AddressError extends Error {
  override readonly name = 'AddressError'
}

const buckets = /^(s3|gs):\/\/([^/]*)(?:\/(.*))?$/s
const scheme = /^[a-z][a-z0-9+.-]*:\/\//i
const bucketName = /^[A-Za-z0-9][A-Za-z0-9._-]{1,254}$/

/** `s3://bucket/prefix/`, `gs://bucket/prefix/`, or a directory. A prefix is a directory of keys: a slash is added where it lacks one. */
export const parseAddress = (text: string, cwd: string): Address => {
  const match = buckets.exec(text)
  if (match) {
    const [, kind, bucket, rest = ''] = match
    if (!bucketName.test(bucket!))
      throw new AddressError(`${JSON.stringify(text)} names no bucket: write ${kind}://bucket/prefix/`)
    return { kind: kind as 's3' | 'gs', bucket: bucket!, prefix: rest === '' || rest.endsWith('/') ? rest : `${rest}/` }
  }
  if (text === '')
    throw new AddressError('an empty address: write s3://bucket/prefix/, gs://bucket/prefix/ or a directory')
  if (scheme.test(text))
    throw new AddressError(`${JSON.stringify(text)} is no place that is known: write s3://…, gs://… or a directory`)
  return { kind: 'dir', path: resolve(cwd, text) }
}
