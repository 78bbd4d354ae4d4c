import { Registry } from 'prom-client'
import { expect, test } from 'vitest'
import type { DatasetVersion } from '../../src/api/dataset-version.ts'
import { gaugeVersions } from '../../src/cli/gauges.ts'

test('versions are counted as they are when somebody asks', async () => {
  const version = (phase: string, reason?: string) =>
    ({
      metadata: { namespace: 'vision' },
      spec: { dataset: 'mnist' },
      status: { phase, conditions: reason ? [{ type: 'Degraded', status: 'True', reason }] : [] },
    }) as unknown as DatasetVersion
  let versions = [version('Committed'), version('Committed', 'Corrupt'), version('Running')]
  const registry = new Registry()
  gaugeVersions(registry, () => versions)
  const text = await registry.metrics()
  expect(text).toContain('granary_versions{phase="Committed"} 2')
  expect(text).toContain('granary_versions{phase="Running"} 1')
  expect(text).toContain('granary_degraded_versions{namespace="vision",dataset="mnist",reason="Corrupt"} 1')
  versions = [version('Committed')]
  const later = await registry.metrics()
  expect(later).toContain('granary_versions{phase="Committed"} 1')
  expect(later).not.toMatch(/phase="Running"|reason="Corrupt"/)
})
