import { createHash } from 'node:crypto'
import { type Clock, toTime } from '../lib/clock.ts'
import { messageOf } from '../lib/errors.ts'
import type { Log } from '../lib/log.ts'
import { isApiError } from './api-error.ts'
import type { KubeClient } from './client.ts'
import type { EventSpec, Kind, KubeObject, Ref } from './types.ts'

/** Where events go. Never throws and never waits: an event that is lost is no reason to stop. */
export interface EventRecorder {
  record(event: EventSpec): void
}

export interface EventDeps {
  client: KubeClient
  clock: Clock
  log: Log
  /** This process, as `reportingInstance`. */
  identity: string
}

/** Events that wait to be written; more are dropped, which the log says. */
const maxPending = 1000
/** The API server refuses longer ones. */
const maxMessage = 1024
/** The same event of the same object within this time is written once. Milliseconds. */
const repeatAfter = 60_000
const maxRemembered = 4096

const component = 'granary'
const eventKind: Kind = { apiVersion: 'v1', kind: 'Event', plural: 'events', namespaced: true }

/** Writes events one after the other. The same reason and message of an object is one Event, counted up at most once a minute. */
export class ApiEventRecorder implements EventRecorder {
  readonly #deps: EventDeps
  readonly #written = new Map<string, number>()
  #pending = 0
  #tail: Promise<void> = Promise.resolve()

  constructor(deps: EventDeps) {
    this.#deps = deps
  }

  record(event: EventSpec): void {
    const { clock, log } = this.#deps
    const name = nameOf(event)
    const last = this.#written.get(name)
    if (last !== undefined && clock.monotonic() - last < repeatAfter) return
    if (this.#pending >= maxPending) {
      log.warn({ reason: event.reason }, 'too many events at once, dropping one')
      return
    }
    this.#remember(name)
    this.#pending++
    this.#tail = this.#tail.then(async () => {
      try {
        await this.#write(name, event)
      } catch (error) {
        // The object may be gone with its namespace, or its namespace be going.
        log.warn({ reason: event.reason, error: messageOf(error) }, 'could not write an event')
      } finally {
        this.#pending--
      }
    })
  }

  /** Resolves when all that was recorded is written. */
  flush(): Promise<void> {
    return this.#tail
  }

  async #write(name: string, event: EventSpec) {
    const { client, clock } = this.#deps
    const namespace = namespaceOf(event)
    try {
      await client.create(toObject(event, name, this.#deps.identity, toTime(clock.now())))
    } catch (error) {
      if (!isApiError(error, (e) => e.isAlreadyExists)) throw error
      const ref: Ref = { kind: eventKind, namespace, name }
      const found = await client.get<KubeObject & { count?: number }>(ref)
      await client.patch(ref, [
        { op: 'add', path: '/count', value: (found.count ?? 1) + 1 },
        { op: 'add', path: '/lastTimestamp', value: toTime(clock.now()) },
      ])
    }
  }

  #remember(name: string) {
    this.#written.delete(name)
    this.#written.set(name, this.#deps.clock.monotonic())
    const [oldest] = this.#written.keys()
    if (this.#written.size > maxRemembered && oldest !== undefined) this.#written.delete(oldest)
  }
}

const namespaceOf = ({ regarding }: EventSpec): string => regarding.metadata.namespace ?? 'default'

/** The same for the same event, also after a restart. */
const nameOf = (event: EventSpec): string => {
  const { regarding, type, reason, message } = event
  const same = [namespaceOf(event), regarding.kind, regarding.metadata.uid, type, reason, message].join('\n')
  return `${regarding.metadata.name.slice(0, 200)}.${createHash('sha256').update(same).digest('hex').slice(0, 16)}`
}

const toObject = (event: EventSpec, name: string, identity: string, time: string) => {
  const { regarding, type, reason, message } = event
  const { name: regardingName, namespace, uid, resourceVersion } = regarding.metadata
  return {
    apiVersion: 'v1',
    kind: 'Event',
    metadata: { name, namespace: namespaceOf(event) },
    involvedObject: {
      apiVersion: regarding.apiVersion,
      kind: regarding.kind,
      name: regardingName,
      namespace,
      uid,
      resourceVersion,
    },
    type,
    reason,
    message: message.length > maxMessage ? `${message.slice(0, maxMessage - 1)}…` : message,
    source: { component },
    reportingComponent: component,
    reportingInstance: identity,
    firstTimestamp: time,
    lastTimestamp: time,
    count: 1,
  }
}
