import { compareUtf8 } from '../../lib/utf8.ts'
import { checkOrder } from '../listing-order.ts'
import type { ListedObject } from '../object-store.ts'
import type { GcsDeps } from './client.ts'
import type { ObjectResource } from './info.ts'
import { callSdk } from './sdk.ts'

const listed = (raw: ObjectResource, versions: boolean): ListedObject => {
  const size = Number(raw.size ?? Number.NaN)
  if (raw.name === undefined || !Number.isSafeInteger(size))
    throw new SyntaxError('a listing entry without name or size')
  const modified = Date.parse(raw.updated ?? '')
  return {
    key: raw.name,
    size,
    ...(raw.generation === undefined ? {} : { etag: raw.generation }),
    ...(raw.generation === undefined || !versions ? {} : { version: raw.generation }),
    ...(Number.isNaN(modified) ? {} : { modified }),
  }
}

interface Page {
  objects: ListedObject[]
  /** The last key so far. */
  last: string | undefined
  token: string | undefined
}

/**
 * Pages through the newest state of each object under a prefix; each page is tried again until it makes sense. Generations come with it. The next page is
 * on its way while one is worked on.
 */
export async function* listObjects(
  deps: GcsDeps & { pageSize?: number | undefined },
  prefix: string,
  options: { versions?: boolean; startAfter?: string; signal?: AbortSignal } = {},
): AsyncGenerator<ListedObject> {
  const { startAfter } = options
  const stop = new AbortController()
  const signal = options.signal ? AbortSignal.any([options.signal, stop.signal]) : stop.signal
  const pageAfter = (last: string | undefined, token: string | undefined): Promise<Page> => {
    const query = {
      prefix,
      fields: 'nextPageToken,items(name,size,generation,updated)',
      maxResults: deps.pageSize ?? 1000,
      autoPaginate: false,
      ...(token === undefined ? {} : { pageToken: token }),
      ...(startAfter === undefined ? {} : { startOffset: startAfter }),
    }
    return callSdk(deps, { doing: 'list' }, signal, async (bucket) => {
      const [items, next] = await bucket.getFiles(query)
      // startOffset lets the key itself through.
      const wanted = (object: ListedObject) => startAfter === undefined || compareUtf8(object.key, startAfter) > 0
      // Asked for some fields, the library hands out what the server sent and makes no files of it.
      const raw = items as unknown as ObjectResource[]
      const objects = raw.map((item) => listed(item, options.versions === true)).filter(wanted)
      checkOrder(deps.name, objects, prefix, last)
      return {
        objects,
        last: objects.at(-1)?.key ?? last,
        token: (next as { pageToken?: string } | null)?.pageToken,
      }
    })
  }
  try {
    let ahead: Promise<Page> | undefined = pageAfter(startAfter, undefined)
    while (ahead !== undefined) {
      const page: Page = await ahead
      ahead = page.token === undefined ? undefined : pageAfter(page.last, page.token)
      // Seen when it is its turn.
      ahead?.catch(() => {})
      yield* page.objects
    }
  } finally {
    stop.abort()
  }
}
