import { sleep } from '../lib/abort.ts'
import { backoffMs } from '../lib/backoff.ts'
import { messageOf } from '../lib/errors.ts'
import type { Log } from '../lib/log.ts'
import { isApiError } from './api-error.ts'
import type { Sink } from './cache.ts'
import type { KubeClient, WatchEvent } from './client.ts'
import type { Kind } from './types.ts'

export interface ReflectorDeps {
  client: KubeClient
  log: Log
  /** Told of every LIST (`relist` true when it was not the first) for metrics. */
  listed?: (kind: Kind, relist: boolean) => void
}

export interface ReflectorOptions {
  kind: Kind
  labelSelector?: string | undefined
  /** Of a kind that the server does not serve there are no objects; it is asked again after `absentRetry` milliseconds. */
  optional?: boolean | undefined
  absentRetry?: number
  /** A watch that says nothing for so long, no bookmark even (they come every minute), is cut and begun again. Milliseconds. */
  silence?: number
  retry?: { base: number; max: number }
}

/** Keeps `sink` what the API server has, until `signal` aborts: one LIST, then watches, each from where the last one ended. Never rejects. */
export const reflect = async (
  deps: ReflectorDeps,
  options: ReflectorOptions,
  sink: Sink,
  signal: AbortSignal,
): Promise<void> => {
  const { kind, labelSelector, optional = false, absentRetry = 30_000, retry = { base: 500, max: 30_000 } } = options
  const log = deps.log.child({ kind: kind.plural })
  let version: string | undefined
  let lists = 0
  let failures = 0
  const list = async () => {
    const found = await deps.client.list(kind, { signal, ...(labelSelector ? { labelSelector } : {}) })
    deps.listed?.(kind, lists++ > 0)
    sink.replace(found.items, found.resourceVersion)
    return found.resourceVersion
  }
  while (!signal.aborted) {
    const started = performance.now()
    try {
      version ??= await list()
      for await (const event of watchWhileAlive(deps, options, version, signal)) {
        version = take(sink, event) ?? version
        failures = 0
      }
      // A server that ends watches at once must not be asked in a tight loop.
      if (performance.now() - started > 1000) continue
    } catch (error) {
      if (signal.aborted) return
      if (mustList(error)) version = undefined
      if (optional && isNotFound(error)) {
        sink.replace([], '0')
        await sleep(absentRetry, signal)
        continue
      }
      tell(log, error)
    }
    await sleep(backoffMs(++failures, { ...retry, jitter: 0.5 }), signal)
  }
}

const isNotFound = (error: unknown) => isApiError(error, (e) => e.isNotFound)

const tell = (log: Log, error: unknown) => {
  if (isApiError(error, (e) => e.isGone)) log.debug('the watch is too old, listing again')
  else log.warn({ error: messageOf(error) }, 'lost touch with the API server, trying again')
}

/** What the API server itself says of a watch, other than "later", may mean that it can't go on from there; a connection that broke does not. */
const mustList = (error: unknown) => isApiError(error, (e) => e.code !== 429 && e.code !== 503)

const take = (sink: Sink, { type, object }: WatchEvent): string | undefined => {
  const version = object.metadata.resourceVersion
  if (type === 'DELETED') sink.remove(object)
  else if (type !== 'BOOKMARK') sink.set(object)
  else if (version) sink.bookmark(version)
  return version
}

async function* watchWhileAlive(
  { client }: ReflectorDeps,
  { kind, labelSelector, silence = 150_000 }: ReflectorOptions,
  resourceVersion: string,
  signal: AbortSignal,
): AsyncGenerator<WatchEvent> {
  const watchdog = new AbortController()
  const bark = () => watchdog.abort(new Error(`the watch was silent for ${silence / 1000} s`))
  let timer = setTimeout(bark, silence)
  try {
    const either = AbortSignal.any([signal, watchdog.signal])
    const options = { resourceVersion, signal: either, ...(labelSelector ? { labelSelector } : {}) }
    for await (const event of client.watch(kind, options)) {
      clearTimeout(timer)
      timer = setTimeout(bark, silence)
      yield event
    }
  } finally {
    clearTimeout(timer)
  }
}
