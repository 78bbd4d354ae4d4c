import { sleep } from '../lib/abort.ts'
import { type Clock, toMicroTime } from '../lib/clock.ts'
import { messageOf } from '../lib/errors.ts'
import type { Log } from '../lib/log.ts'
import { isApiError } from './api-error.ts'
import type { KubeClient } from './client.ts'
import type { Kind, KubeObject, Ref } from './types.ts'

export interface LeaseDeps {
  client: KubeClient
  clock: Clock
  log: Log
}

export interface LeaseOptions {
  namespace: string
  name: string
  /** This process, different from every other one. */
  identity: string
  /** Others may take the lease after it was not renewed for so long. Milliseconds. */
  duration?: number
  /** The holder gives up when it could not renew for so long; shorter than `duration`, so that no two ever believe to hold it. */
  renewDeadline?: number
  /** Between two tries. */
  retry?: number
}

/** The lease is ours until `lost` aborts. */
export interface Leadership {
  readonly lost: AbortSignal
  /** Stops renewing and lets the next one in at once. */
  release(): Promise<void>
}

interface Lease extends KubeObject {
  spec?: {
    holderIdentity?: string | null
    leaseDurationSeconds?: number
    acquireTime?: string
    renewTime?: string
    leaseTransitions?: number
  }
}

const leaseKind: Kind = { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', plural: 'leases', namespaced: true }

/**
 * Waits until the lease is ours; rejects only when `signal` aborts. Whether another holder is alive is told by how long *we* have seen no change of it: clocks of
 * other machines don't count.
 */
export const acquireLease = async (
  deps: LeaseDeps,
  options: LeaseOptions,
  signal: AbortSignal,
): Promise<Leadership> => {
  const candidate = new Candidate(deps, options)
  const { retry = 3000 } = options
  for (;;) {
    signal.throwIfAborted()
    if (await candidate.attempt(signal)) return hold(deps, options, candidate)
    await sleep(retry * (1 + Math.random() * 0.2), signal)
  }
}

const hold = ({ clock, log }: LeaseDeps, options: LeaseOptions, candidate: Candidate): Leadership => {
  const { retry = 3000, renewDeadline = 20_000 } = options
  const lost = new AbortController()
  const stop = new AbortController()
  log.info({ lease: options.name, identity: options.identity }, 'leading')
  const renewing = (async () => {
    let renewed = clock.monotonic()
    while (!stop.signal.aborted) {
      await sleep(retry, stop.signal)
      if (stop.signal.aborted) return
      const left = renewDeadline - (clock.monotonic() - renewed)
      const begun = clock.monotonic()
      // A request that hangs must not outlive the deadline.
      const ours =
        left > 0 && (await candidate.attempt(AbortSignal.any([stop.signal, AbortSignal.timeout(Math.ceil(left))])))
      if (stop.signal.aborted) return
      if (ours) renewed = begun
      else if (candidate.heldByAnother || clock.monotonic() - renewed >= renewDeadline) {
        log.error({ lease: options.name }, 'lost the lease')
        lost.abort(new Error(`lost the lease ${options.name}`))
        return
      }
    }
  })()
  return {
    lost: lost.signal,
    release: async () => {
      stop.abort()
      await renewing
      if (!lost.signal.aborted) await candidate.release()
    },
  }
}

class Candidate {
  readonly #deps: LeaseDeps
  readonly #options: LeaseOptions
  readonly #ref: Ref
  #seen: { version: string; at: number } | undefined
  heldByAnother = false

  constructor(deps: LeaseDeps, options: LeaseOptions) {
    this.#deps = deps
    this.#options = options
    this.#ref = { kind: leaseKind, namespace: options.namespace, name: options.name }
  }

  /** Takes or renews the lease. False when that was not possible now. */
  async attempt(signal: AbortSignal): Promise<boolean> {
    const { client, log } = this.#deps
    try {
      const lease = await client.get<Lease>(this.#ref, { signal }).catch((error) => {
        if (isApiError(error, (e) => e.isNotFound)) return undefined
        throw error
      })
      if (!lease) {
        await client.create<Lease>(this.#first(), { signal })
        return true
      }
      this.heldByAnother = !this.#mayTake(lease)
      if (this.heldByAnother) return false
      await this.#write(lease, this.#specAfter(lease), signal)
      return true
    } catch (error) {
      if (isApiError(error, (e) => e.isConflict || e.isAlreadyExists)) return false
      const stopped = signal.aborted && (signal.reason as Error | undefined)?.name !== 'TimeoutError'
      if (!stopped) log.warn({ lease: this.#options.name, error: messageOf(error) }, 'could not reach the lease')
      return false
    }
  }

  async release(): Promise<void> {
    const { client, clock } = this.#deps
    const lease = await client.get<Lease>(this.#ref)
    if (lease.spec?.holderIdentity !== this.#options.identity) return
    const spec = { ...lease.spec, holderIdentity: '', leaseDurationSeconds: 1, renewTime: toMicroTime(clock.now()) }
    await this.#write(lease, spec)
  }

  #mayTake(lease: Lease): boolean {
    const holder = lease.spec?.holderIdentity
    if (!holder || holder === this.#options.identity) return true
    const now = this.#deps.clock.monotonic()
    const version = lease.metadata.resourceVersion ?? ''
    if (this.#seen?.version !== version) this.#seen = { version, at: now }
    const duration = (lease.spec?.leaseDurationSeconds ?? 30) * 1000
    return now - this.#seen.at >= duration
  }

  #first(): Lease {
    const { namespace, name } = this.#options
    return {
      apiVersion: leaseKind.apiVersion,
      kind: 'Lease',
      metadata: { namespace, name },
      spec: this.#specAfter(undefined),
    }
  }

  #specAfter(lease: Lease | undefined): NonNullable<Lease['spec']> {
    const { identity, duration = 30_000 } = this.#options
    const now = toMicroTime(this.#deps.clock.now())
    const before = lease?.spec
    const mine = before?.holderIdentity === identity
    return {
      holderIdentity: identity,
      leaseDurationSeconds: Math.ceil(duration / 1000),
      acquireTime: mine ? (before?.acquireTime ?? now) : now,
      renewTime: now,
      leaseTransitions: (before?.leaseTransitions ?? 0) + (before && !mine ? 1 : 0),
    }
  }

  async #write(lease: Lease, spec: Lease['spec'], signal?: AbortSignal) {
    const ops = [
      { op: 'test' as const, path: '/metadata/resourceVersion', value: lease.metadata.resourceVersion },
      { op: 'add' as const, path: '/spec', value: spec },
    ]
    await this.#deps.client.patch(this.#ref, ops, signal ? { signal } : {})
  }
}
