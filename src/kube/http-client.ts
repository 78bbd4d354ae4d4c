import { ApiError, isApiError, type Status } from './api-error.ts'
import type {
  CallOptions,
  KubeClient,
  ListOptions,
  ObjectList,
  PatchOptions,
  WatchEvent,
  WatchOptions,
} from './client.ts'
import { refOf } from './kind-of.ts'
import { type Call, send, stream, type TransportDeps } from './transport.ts'
import type { Kind, KubeObject, Ref } from './types.ts'

const pageSize = 500

/** The client over HTTP. Gives every answer back as the server's JSON, unchanged but for apiVersion and kind of listed items. */
export const createClient = (deps: TransportDeps): KubeClient => {
  const json = async <T>(call: Call): Promise<T> => JSON.parse(await send(deps, call)) as T
  const ssa = <T extends KubeObject>(
    object: KubeObject,
    sub: string,
    fieldManager: string,
    body: unknown,
    signal?: AbortSignal,
  ) => {
    const ref = refOf(object)
    return json<T>({
      verb: `apply${sub ? '-status' : ''}`,
      resource: ref.kind.plural,
      method: 'PATCH',
      path: pathOf(ref.kind, ref.namespace, ref.name) + sub,
      query: { fieldManager, force: 'true' },
      body,
      contentType: 'application/apply-patch+yaml',
      signal,
    })
  }
  return {
    get: (ref, options = {}) => json(getCall(ref, options)),
    list: (kind, options = {}) => list(json, kind, options),
    create: (object, options = {}) => {
      const { kind, namespace } = refOf(object)
      const query = { fieldManager: options.fieldManager }
      return json({
        verb: 'create',
        resource: kind.plural,
        method: 'POST',
        path: pathOf(kind, namespace),
        query,
        body: object,
        signal: options.signal,
      })
    },
    apply: (object, fieldManager, options = {}) => ssa(object, '', fieldManager, object, options.signal),
    applyStatus: async (object, status, fieldManager, options = {}) => {
      const { apiVersion, kind } = object
      const { name, namespace, uid } = object.metadata
      const guard = async () =>
        object.metadata.resourceVersion ??
        (uid === undefined ? undefined : versionOf(await json(getCall(refOf(object), options)), uid))
      for (let attempt = 1; ; attempt++) {
        const metadata = { name, namespace, uid, resourceVersion: await guard() }
        try {
          return await ssa(object, '/status', fieldManager, { apiVersion, kind, metadata, status }, options.signal)
        } catch (error) {
          // Between our GET and the apply somebody wrote something else: it is still the same object.
          const ours = object.metadata.resourceVersion === undefined && isApiError(error, (e) => e.isConflict)
          if (!ours || attempt === maxGuardAttempts) throw error
        }
      }
    },
    patch: ({ kind, namespace, name }: Ref, ops, options: PatchOptions = {}) =>
      json({
        verb: 'patch',
        resource: kind.plural,
        method: 'PATCH',
        path: pathOf(kind, namespace, name) + (options.subresource ? `/${options.subresource}` : ''),
        query: { fieldManager: options.fieldManager },
        body: ops,
        contentType: 'application/json-patch+json',
        signal: options.signal,
      }),
    delete: async ({ kind, namespace, name, uid }, options = {}) => {
      const body = { apiVersion: 'v1', kind: 'DeleteOptions', propagationPolicy: 'Background', preconditions: { uid } }
      await send(deps, {
        verb: 'delete',
        resource: kind.plural,
        method: 'DELETE',
        path: pathOf(kind, namespace, name),
        body,
        signal: options.signal,
      })
    },
    watch: (kind, options) => watch(deps, kind, options),
    logs: (namespace, pod, tailLines, options = {}) =>
      send(deps, {
        verb: 'logs',
        resource: 'pods',
        method: 'GET',
        path: `${pathOf({ apiVersion: 'v1', kind: 'Pod', plural: 'pods', namespaced: true }, namespace, pod)}/log`,
        query: { tailLines: String(tailLines) },
        signal: options.signal,
      }),
  }
}

const maxGuardAttempts = 5

const getCall = ({ kind, namespace, name }: Ref, { signal }: CallOptions): Call => ({
  verb: 'get',
  resource: kind.plural,
  method: 'GET',
  path: pathOf(kind, namespace, name),
  signal,
})

const versionOf = ({ kind, metadata }: KubeObject, uid: string): string => {
  if (metadata.uid === uid) return metadata.resourceVersion ?? ''
  const message = `${kind} ${metadata.name} is another one by now: uid ${metadata.uid}, not ${uid}`
  throw new ApiError(409, { reason: 'Conflict', message })
}

const pathOf = (kind: Kind, namespace?: string, name?: string): string => {
  const root = kind.apiVersion.includes('/') ? `/apis/${kind.apiVersion}` : `/api/${kind.apiVersion}`
  const scope = kind.namespaced && namespace !== undefined ? `/namespaces/${encodeURIComponent(namespace)}` : ''
  return `${root}${scope}/${kind.plural}${name === undefined ? '' : `/${encodeURIComponent(name)}`}`
}

interface Page {
  metadata: { resourceVersion: string; continue?: string }
  items: KubeObject[]
}

const list = async <T extends KubeObject>(
  json: <R>(call: Call) => Promise<R>,
  kind: Kind,
  { namespace, labelSelector, fieldSelector, signal }: ListOptions,
): Promise<ObjectList<T>> => {
  const page = (limit: number | undefined, token?: string) =>
    json<Page>({
      verb: 'list',
      resource: kind.plural,
      method: 'GET',
      path: pathOf(kind, namespace),
      query: { labelSelector, fieldSelector, limit: limit?.toString(), continue: token },
      signal,
    })
  const items: T[] = []
  const take = (from: Page) => {
    for (const item of from.items) items.push({ ...item, apiVersion: kind.apiVersion, kind: kind.kind } as T)
    return { items, resourceVersion: from.metadata.resourceVersion }
  }
  let last = await page(pageSize)
  let result = take(last)
  while (last.metadata.continue) {
    try {
      last = await page(pageSize, last.metadata.continue)
    } catch (error) {
      if (!isApiError(error, (e) => e.isGone)) throw error
      // The snapshot that the pages were of is gone: once more, in one piece.
      items.length = 0
      last = await page(undefined)
    }
    result = take(last)
  }
  return result
}

/** Seconds that the server is asked to hold a watch, apart from one another so that not all are renewed at once. */
const watchSeconds = () => 300 + Math.floor(Math.random() * 300)
const watchGrace = 30

async function* watch(
  deps: TransportDeps,
  kind: Kind,
  options: WatchOptions,
): AsyncGenerator<WatchEvent, void, undefined> {
  const seconds = watchSeconds()
  // Where the server does not keep its word, the connection is dead.
  const deadline = AbortSignal.timeout((seconds + watchGrace) * 1000)
  const body = await stream(deps, {
    verb: 'watch',
    resource: kind.plural,
    method: 'GET',
    path: pathOf(kind, options.namespace),
    query: {
      watch: 'true',
      allowWatchBookmarks: 'true',
      resourceVersion: options.resourceVersion,
      labelSelector: options.labelSelector,
      timeoutSeconds: String(seconds),
    },
    signal: AbortSignal.any([options.signal, deadline]),
  })
  try {
    for await (const line of linesOf(body)) {
      const event = JSON.parse(line) as WatchEvent | { type: 'ERROR'; object: Status }
      if (event.type === 'ERROR') throw new ApiError(event.object.code ?? 500, event.object)
      yield event
    }
  } finally {
    body.destroy()
  }
}

async function* linesOf(body: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder()
  let rest = ''
  for await (const chunk of body) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split('\n')
    rest = lines.pop() ?? ''
    for (const line of lines) if (line !== '') yield line
  }
}
