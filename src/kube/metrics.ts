import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'

/** What the Kubernetes layer counts. One per process, made by the composition root and handed around. */
export interface Metrics {
  registry: Registry
  reconcileSeconds: Histogram<'controller' | 'result'>
  reconcileErrors: Counter<'controller' | 'kind'>
  queueDepth: Gauge<'controller'>
  apiRequests: Counter<'verb' | 'resource' | 'code'>
  apiSeconds: Histogram<'verb'>
  relists: Counter<'kind'>
  leader: Gauge
}

export const createMetrics = (registry = new Registry()): Metrics => {
  const registers = [registry]
  collectDefaultMetrics({ register: registry })
  return {
    registry,
    reconcileSeconds: new Histogram({
      name: 'granary_reconcile_seconds',
      help: 'Time of one look at one object, by controller and result (done, conflict, wait, terminal, error).',
      labelNames: ['controller', 'result'],
      buckets: [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 30],
      registers,
    }),
    reconcileErrors: new Counter({
      name: 'granary_reconcile_errors_total',
      help: 'Looks that failed, by controller and kind of error (terminal, wait, conflict, other).',
      labelNames: ['controller', 'kind'],
      registers,
    }),
    queueDepth: new Gauge({
      name: 'granary_queue_depth',
      help: 'Objects that wait for a look.',
      labelNames: ['controller'],
      registers,
    }),
    apiRequests: new Counter({
      name: 'granary_api_requests_total',
      help: 'Requests to the API server, by verb, resource and HTTP status (0: no answer).',
      labelNames: ['verb', 'resource', 'code'],
      registers,
    }),
    apiSeconds: new Histogram({
      name: 'granary_api_request_seconds',
      help: 'Time until the API server answered.',
      labelNames: ['verb'],
      buckets: [0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 30],
      registers,
    }),
    relists: new Counter({
      name: 'granary_relists_total',
      help: 'Lists after the first one, which a watch that was too old made necessary.',
      labelNames: ['kind'],
      registers,
    }),
    leader: new Gauge({ name: 'granary_leader', help: '1 while this process holds the lease.', registers }),
  }
}
