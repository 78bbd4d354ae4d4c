import { Gauge, type Registry } from 'prom-client'
import { findCondition } from '../api/conditions.ts'
import type { DatasetVersion } from '../api/dataset-version.ts'

/** Gauges that are counted from what the cache holds whenever somebody asks for them. */
export const gaugeVersions = (registry: Registry, versions: () => readonly DatasetVersion[]): void => {
  const registers = [registry]
  new Gauge({
    name: 'granary_versions',
    help: 'DatasetVersions, by phase.',
    labelNames: ['phase'],
    registers,
    collect() {
      this.reset()
      for (const { status } of versions()) this.inc({ phase: status?.phase ?? 'Pending' })
    },
  })
  new Gauge({
    name: 'granary_degraded_versions',
    help: 'Committed versions whose bytes a verification found damaged, by Dataset and reason.',
    labelNames: ['namespace', 'dataset', 'reason'],
    registers,
    collect() {
      this.reset()
      for (const { metadata, spec, status } of versions()) {
        const damage = findCondition(status?.conditions, 'Degraded')
        if (damage?.status !== 'True') continue
        this.inc({ namespace: metadata.namespace ?? '', dataset: spec.dataset, reason: damage.reason })
      }
    },
  })
}
