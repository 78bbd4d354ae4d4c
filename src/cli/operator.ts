import { randomUUID } from 'node:crypto'
import { hostname } from 'node:os'
import type { DatasetVersion } from '../api/dataset-version.ts'
import * as kinds from '../api/kinds.ts'
import { type OperatorConfig, operatorConfig } from '../config.ts'
import { cacheController } from '../controllers/cache/index.ts'
import { claimController, indexes as claimIndexes } from '../controllers/claim/index.ts'
import { datasetController, indexes as datasetIndexes } from '../controllers/dataset/index.ts'
import { lookController, indexes as lookIndexes } from '../controllers/look/index.ts'
import { moversController, indexes as moversIndexes } from '../controllers/movers/index.ts'
import { providerController, indexes as providerIndexes } from '../controllers/provider/index.ts'
import { versionController, indexes as versionIndexes } from '../controllers/version/index.ts'
import type { ClaimObject, JobObject } from '../desired/objects.ts'
import { Cache } from '../kube/cache.ts'
import type { KubeClient } from '../kube/client.ts'
import { connect } from '../kube/connection.ts'
import { type RunnerDeps, runController } from '../kube/controller.ts'
import { ApiEventRecorder } from '../kube/events.ts'
import { createClient } from '../kube/http-client.ts'
import { keyOf, kindKey } from '../kube/kind-of.ts'
import { acquireLease } from '../kube/lease.ts'
import { createMetrics, type Metrics } from '../kube/metrics.ts'
import { cachedReader, liveReader } from '../kube/reader.ts'
import { reflect } from '../kube/reflector.ts'
import { serveHealth, serveMetrics } from '../kube/server.ts'
import type { Controller, Kind, KubeObject } from '../kube/types.ts'
import { aborted } from '../lib/abort.ts'
import { type Clock, systemClock } from '../lib/clock.ts'
import { messageOf } from '../lib/errors.ts'
import { createLog, type Log } from '../lib/log.ts'
import { Releasers } from '../lib/releasers.ts'
import { cacheSpecs, type Indexes } from './caches.ts'
import { gaugeVersions } from './gauges.ts'
import { gaugeMoving } from './moving-gauges.ts'

/** The operator, until `signal` aborts. Resolves with the exit code: 0 when it was asked to stop, 1 when it lost its lease. */
export const run = async (args: string[], signal: AbortSignal): Promise<number> => {
  const config = operatorConfig(args)
  const log = createLog(config.logLevel)
  const releasers = new Releasers(log)
  try {
    return await operate({ config, log, clock: systemClock, releasers }, signal)
  } finally {
    await releasers.run()
    log.info('stopped')
  }
}

interface Parts {
  config: OperatorConfig
  log: Log
  clock: Clock
  releasers: Releasers
}

const operate = async (parts: Parts, signal: AbortSignal): Promise<number> => {
  const { config, log, clock, releasers } = parts
  // With the name of the pod alone, a container that starts again need not wait for its own lease to run out.
  const identity = config.inPod ? hostname() : `${hostname()}_${randomUUID().slice(0, 8)}`
  const metrics = createMetrics()
  const connection = connect(config.kubeconfig)
  releasers.push('connection', () => connection.close())
  const client = createClient({ connection, userAgent: 'granary-operator', answered: (call) => count(metrics, call) })
  const recorder = new ApiEventRecorder({ client, clock, log, identity })
  releasers.push('events', () => recorder.flush())

  const { controllers, indexes } = assemble(config)
  const report = (error: unknown, index: string, object: KubeObject) =>
    log.error(
      { index, kind: object.kind, key: keyOf(object), error: messageOf(error) },
      'an index can not read an object',
    )
  const caches = new Map(cacheSpecs(indexes).map((spec) => [kindKey(spec.kind), new Cache(spec, report)]))
  const versions = caches.get(kindKey(kinds.DatasetVersion))
  const held = <T extends KubeObject>(kind: Kind) => (caches.get(kindKey(kind))?.list() ?? []) as T[]
  gaugeMoving(metrics.registry, () => ({
    versions: held<DatasetVersion>(kinds.DatasetVersion),
    claims: held<ClaimObject>(kinds.Claim),
    jobs: held<JobObject>(kinds.Job),
    now: clock.now(),
  }))
  gaugeVersions(metrics.registry, () => (versions?.list() ?? []) as DatasetVersion[])
  const stopCaches = fill({ client, log, metrics }, caches)
  releasers.push('caches', stopCaches)
  const waitingFor = () => [...caches.values()].filter((cache) => !cache.isSynced).map((cache) => cache.kind.plural)
  const health = await serveHealth(config.healthAddress, waitingFor)
  releasers.push('health', health.close)
  const served = await serveMetrics(config.metricsAddress, metrics.registry)
  releasers.push('metrics', served.close)
  log.info({ server: connection.server, identity, metrics: served.port, health: health.port }, 'starting')

  await Promise.race([Promise.all([...caches.values()].map((cache) => cache.synced)), aborted(signal)])
  const lost = await lead(parts, client, metrics, identity, signal)
  if (signal.aborted) return 0

  const table = new Map([...caches].map(([key, cache]) => [key, cache.indexes]))
  const cached = cachedReader(client, caches)
  const deps: RunnerDeps = {
    client,
    caches,
    cached,
    live: () => liveReader(client, table),
    recorder,
    metrics,
    log,
    clock,
  }
  const working = AbortSignal.any([signal, lost])
  log.info({ controllers: controllers.map(({ name }) => name) }, 'working')
  await Promise.all(controllers.map((controller) => runController(deps, controller, working)))
  return lost.aborted ? 1 : 0
}

/** The controllers, and what they read by. */
const assemble = (config: OperatorConfig): { controllers: Controller[]; indexes: Indexes[] } => ({
  controllers: [
    providerController(),
    lookController(config),
    moversController(config),
    datasetController(config),
    versionController(config),
    claimController(config),
    cacheController(),
  ],
  indexes: [providerIndexes, lookIndexes, moversIndexes, datasetIndexes, versionIndexes, claimIndexes],
})

/** Starts to fill the caches; returns what stops it. */
const fill = (deps: { client: KubeClient; log: Log; metrics: Metrics }, caches: ReadonlyMap<string, Cache>) => {
  const stop = new AbortController()
  const listed = ({ plural }: { plural: string }, relist: boolean) => {
    if (relist) deps.metrics.relists.inc({ kind: plural })
  }
  const running = [...caches.values()].map((cache) =>
    reflect(
      { ...deps, listed },
      { kind: cache.kind, labelSelector: cache.labelSelector, optional: cache.optional },
      cache,
      stop.signal,
    ),
  )
  return async () => {
    stop.abort()
    await Promise.all(running)
  }
}

/** Waits for the lease, if there is one to wait for. The signal aborts when it is lost. */
const lead = async (
  { config, clock, log, releasers }: Parts,
  client: KubeClient,
  metrics: Metrics,
  identity: string,
  signal: AbortSignal,
) => {
  const never = new AbortController().signal
  if (!config.leaderElect || signal.aborted) return never
  try {
    const leadership = await acquireLease(
      { client, clock, log },
      { namespace: config.namespace, name: 'granary', identity },
      signal,
    )
    releasers.push('lease', leadership.release)
    metrics.leader.set(1)
    leadership.lost.addEventListener('abort', () => metrics.leader.set(0))
    return leadership.lost
  } catch (error) {
    if (signal.aborted) return never
    throw error
  }
}

const count = (
  metrics: Metrics,
  { verb, resource, code, seconds }: { verb: string; resource: string; code: number; seconds: number },
) => {
  metrics.apiRequests.inc({ verb, resource, code: String(code) })
  metrics.apiSeconds.observe({ verb }, seconds)
}
