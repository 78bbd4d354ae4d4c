import { compareUtf8 } from '../../lib/utf8.ts'
import { checkOrder } from '../listing-order.ts'
import type { ListedObject } from '../object-store.ts'
import { callJson, type GcsDeps, queryOf } from './client.ts'
import type { ObjectResource } from './info.ts'

interface Page {
  items?: ObjectResource[]
  nextPageToken?: string
}

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

/** Pages through the newest state of each object under a prefix; each page is tried again until it makes sense. Generations come with it. */
export async function* listObjects(
  deps: GcsDeps & { pageSize?: number | undefined },
  prefix: string,
  options: { versions?: boolean; startAfter?: string; signal?: AbortSignal } = {},
): AsyncGenerator<ListedObject> {
  const { signal, startAfter } = options
  let token: string | undefined
  let last = startAfter
  do {
    const query = queryOf({
      prefix,
      fields: 'nextPageToken,items(name,size,generation,updated)',
      maxResults: String(deps.pageSize ?? 1000),
      pageToken: token,
      startOffset: startAfter,
    })
    const call = { method: 'GET' as const, path: `${deps.path}/o${query}`, signal }
    const from = last
    const page = await callJson(deps, { doing: 'list' }, call, (json) => {
      const { items = [], nextPageToken } = json as Page
      // startOffset lets the key itself through.
      const wanted = (object: ListedObject) => startAfter === undefined || compareUtf8(object.key, startAfter) > 0
      const objects = items.map((raw) => listed(raw, options.versions === true)).filter(wanted)
      checkOrder(deps.name, objects, prefix, from)
      return { objects, next: nextPageToken }
    })
    yield* page.objects
    last = page.objects.at(-1)?.key ?? last
    token = page.next === '' ? undefined : page.next
  } while (token !== undefined)
}
