import { Readable } from 'node:stream'
import { checkOrder } from '../listing-order.ts'
import type { ListedObject } from '../object-store.ts'
import { abortable, callStore, type S3Deps } from './deps.ts'
import { leanPage } from './lean/list.ts'
import { NotUnderstood } from './lean/response-head.ts'
import type { Lean } from './lean/send.ts'
import { keyDecoder, type ScannedPage, scanListing } from './scan-listing.ts'

export interface ListDeps extends S3Deps {
  /** Keys a page; for tests. */
  pageSize?: number | undefined
  /** The lean path; undefined where there is none. */
  lean(): Promise<Lean | undefined>
}

interface Page {
  objects: ListedObject[]
  /** Absent at the end. */
  next?: Cursor
}

interface Cursor {
  token?: string | undefined
  startAfter?: string | undefined
  keyMarker?: string | undefined
  versionMarker?: string | undefined
}

const bare = (etag: string | undefined): string | undefined => etag?.replace(/^"|"$/g, '')

interface RawObject {
  Key?: string | undefined
  Size?: number | undefined
  ETag?: string | undefined
  LastModified?: Date | undefined
  VersionId?: string | undefined
}

const listed = (raw: RawObject, decode: (text: string) => string): ListedObject => {
  if (raw.Key === undefined || raw.Size === undefined) throw new SyntaxError('a listing entry without key or size')
  const etag = bare(raw.ETag)
  const modified = raw.LastModified?.getTime()
  return {
    key: decode(raw.Key),
    size: raw.Size,
    ...(etag ? { etag } : {}),
    ...(raw.VersionId !== undefined ? { version: raw.VersionId } : {}),
    ...(modified !== undefined && !Number.isNaN(modified) ? { modified } : {}),
  }
}

/** Keys a page when nobody says how many. */
const usualPage = 1000

const noObjects = Buffer.from('<ListBucketResult/>')

const pageOf = ({ objects, truncated, token }: ScannedPage): Page => ({
  objects,
  ...(truncated ? { next: { token } } : {}),
})

const ordinaryPage = async (deps: ListDeps, prefix: string, at: Cursor, signal?: AbortSignal): Promise<Page> => {
  const input = {
    Bucket: deps.bucket,
    Prefix: prefix,
    EncodingType: 'url' as const,
    ...(deps.pageSize ? { MaxKeys: deps.pageSize } : {}),
    ...(at.token !== undefined ? { ContinuationToken: at.token } : {}),
    ...(at.startAfter !== undefined && at.token === undefined ? { StartAfter: at.startAfter } : {}),
  }
  const { client, commands } = await deps.sdk()
  const command = new commands.ListObjectsV2(input)
  let page: ScannedPage | undefined
  command.middlewareStack.add(
    (next) => async (args) => {
      const answer = await next(args)
      const response = answer.response as { statusCode: number; body: Readable }
      if (response.statusCode !== 200) return answer
      const bytes = Buffer.concat(await response.body.toArray())
      page = scanListing(bytes.toString())
      // The SDK's parser takes longer for a page than the server: it gets to see only what is beyond the scan.
      response.body = Readable.from([page === undefined ? bytes : noObjects], { objectMode: false })
      return answer
    },
    { step: 'deserialize', priority: 'low', name: 'granaryScan' },
  )
  const answer = await client.send(command, abortable(signal))
  if (page !== undefined) return pageOf(page)
  const decode = keyDecoder(answer.EncodingType)
  const objects = (answer.Contents ?? []).map((raw) => listed(raw, decode))
  if (!answer.IsTruncated) return { objects }
  if (!answer.NextContinuationToken) throw new SyntaxError('a truncated listing without a token')
  return { objects, next: { token: answer.NextContinuationToken } }
}

const scannedPage = async (
  deps: ListDeps,
  lean: Lean,
  prefix: string,
  { token, startAfter }: Cursor,
  signal: AbortSignal,
): Promise<ScannedPage> => {
  const body = await leanPage(lean, { prefix, most: deps.pageSize, token, startAfter }, signal)
  const page = scanListing(body.toString())
  if (page === undefined) throw new NotUnderstood('a listing')
  return page
}

/** Only the newest version of each key, and none whose newest is a delete marker. */
const versionsPage = async (
  deps: ListDeps,
  prefix: string,
  at: Cursor,
  last: string | undefined,
  signal?: AbortSignal,
): Promise<Page> => {
  const input = {
    Bucket: deps.bucket,
    Prefix: prefix,
    EncodingType: 'url' as const,
    ...(deps.pageSize ? { MaxKeys: deps.pageSize } : {}),
    ...((at.keyMarker ?? at.startAfter) !== undefined ? { KeyMarker: at.keyMarker ?? at.startAfter } : {}),
    ...(at.versionMarker ? { VersionIdMarker: at.versionMarker } : {}),
  }
  const { client, commands } = await deps.sdk()
  const answer = await client.send(new commands.ListObjectVersions(input), abortable(signal))
  const decode = keyDecoder(answer.EncodingType)
  const newest = (answer.Versions ?? []).filter((raw) => raw.IsLatest).map((raw) => listed(raw, decode))
  // A key whose versions spread over two pages may come with its newest one on both (versitygw).
  const objects = newest[0] !== undefined && newest[0].key === last ? newest.slice(1) : newest
  if (!answer.IsTruncated) return { objects }
  if (!answer.NextKeyMarker) throw new SyntaxError('a truncated listing without a marker')
  return { objects, next: { keyMarker: decode(answer.NextKeyMarker), versionMarker: answer.NextVersionIdMarker } }
}

/** The keys under a prefix, page by page, with `versions` by ListObjectVersions; each page is tried again until it makes sense, and asked for while the one before is used. */
export async function* listPages(
  deps: ListDeps,
  prefix: string,
  options: { versions?: boolean; startAfter?: string; signal?: AbortSignal } = {},
): AsyncGenerator<ListedObject[]> {
  const stop = new AbortController()
  const signal = options.signal ? AbortSignal.any([options.signal, stop.signal]) : stop.signal
  const ask = (cursor: Cursor, last: string | undefined): Promise<Page> => {
    const page = callStore(deps, { doing: 'list' }, signal, async () => {
      const fetched = options.versions
        ? await versionsPage(deps, prefix, cursor, last, signal)
        : await plainPage(cursor)
      checkOrder(deps.name, fetched.objects, prefix, last)
      return fetched
    })
    // Whoever stops early never hears of it.
    page.catch(() => {})
    return page
  }
  let lean = options.versions ? undefined : await deps.lean()
  const plainPage = async (cursor: Cursor): Promise<Page> => {
    if (lean === undefined) return ordinaryPage(deps, prefix, cursor, signal)
    try {
      return pageOf(await scannedPage(deps, lean, prefix, cursor, signal))
    } catch (error) {
      if (!(error instanceof NotUnderstood)) throw error
      // What it doesn't understand of one page it won't of the next.
      lean = undefined
      return ordinaryPage(deps, prefix, cursor, signal)
    }
  }
  let last = options.startAfter
  let cursor: Cursor | undefined = { startAfter: last }
  let coming = ask(cursor, last)
  try {
    while (cursor) {
      const { objects, next }: Page = await coming
      last = objects.at(-1)?.key ?? last
      // After a page that starts behind a key MinIO may say that it was the last one though there are more: a full one is not believed to be.
      const full: boolean = cursor.startAfter !== undefined && objects.length >= (deps.pageSize ?? usualPage)
      cursor = next ?? (full ? { startAfter: last } : undefined)
      if (cursor) coming = ask(cursor, last)
      yield objects
    }
  } finally {
    stop.abort(new Error('the listing was left'))
  }
}
