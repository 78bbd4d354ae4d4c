import { ListObjectsV2Command, ListObjectVersionsCommand } from '@aws-sdk/client-s3'
import { checkOrder } from '../listing-order.ts'
import type { ListedObject } from '../object-store.ts'
import { abortable, callStore, type S3Deps } from './deps.ts'

export interface ListDeps extends S3Deps {
  /** Keys a page; for tests. */
  pageSize?: number | undefined
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

/** Keys travel url-encoded, since XML can't hold every character; servers that don't know the option answer plain. */
const decoder = (encoding: string | undefined) => (text: string) =>
  encoding === 'url' ? decodeURIComponent(text.replaceAll('+', ' ')) : text

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

const plainPage = async (deps: ListDeps, prefix: string, at: Cursor, signal?: AbortSignal): Promise<Page> => {
  const input = {
    Bucket: deps.bucket,
    Prefix: prefix,
    EncodingType: 'url' as const,
    ...(deps.pageSize ? { MaxKeys: deps.pageSize } : {}),
    ...(at.token !== undefined ? { ContinuationToken: at.token } : {}),
    ...(at.startAfter !== undefined && at.token === undefined ? { StartAfter: at.startAfter } : {}),
  }
  const answer = await deps.client.send(new ListObjectsV2Command(input), abortable(signal))
  const decode = decoder(answer.EncodingType)
  const objects = (answer.Contents ?? []).map((raw) => listed(raw, decode))
  if (!answer.IsTruncated) return { objects }
  if (!answer.NextContinuationToken) throw new SyntaxError('a truncated listing without a token')
  return { objects, next: { token: answer.NextContinuationToken } }
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
  const answer = await deps.client.send(new ListObjectVersionsCommand(input), abortable(signal))
  const decode = decoder(answer.EncodingType)
  const newest = (answer.Versions ?? []).filter((raw) => raw.IsLatest).map((raw) => listed(raw, decode))
  // A key whose versions spread over two pages may come with its newest one on both (versitygw).
  const objects = newest[0] !== undefined && newest[0].key === last ? newest.slice(1) : newest
  if (!answer.IsTruncated) return { objects }
  if (!answer.NextKeyMarker) throw new SyntaxError('a truncated listing without a marker')
  return { objects, next: { keyMarker: decode(answer.NextKeyMarker), versionMarker: answer.NextVersionIdMarker } }
}

/** Pages through the keys under a prefix, with `versions` by ListObjectVersions; each page is tried again until it makes sense. */
export async function* listObjects(
  deps: ListDeps,
  prefix: string,
  options: { versions?: boolean; startAfter?: string; signal?: AbortSignal } = {},
): AsyncGenerator<ListedObject> {
  const { signal } = options
  let at: Cursor | undefined = { startAfter: options.startAfter }
  let last = options.startAfter
  while (at) {
    const cursor: Cursor = at
    const page: Page = await callStore(deps, { doing: 'list' }, signal, async () => {
      const fetched = options.versions
        ? await versionsPage(deps, prefix, cursor, last, signal)
        : await plainPage(deps, prefix, cursor, signal)
      checkOrder(deps.name, fetched.objects, prefix, last)
      return fetched
    })
    yield* page.objects
    last = page.objects.at(-1)?.key ?? last
    at = page.next
  }
}
