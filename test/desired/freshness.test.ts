import { expect, test } from 'vitest'
import type { Dataset } from '../../src/api/dataset.ts'
import type { KubeObject } from '../../src/api/meta.ts'
import { annotations } from '../../src/api/names.ts'
import { awaitsLook, needsLook } from '../../src/desired/freshness.ts'

const created = '2026-01-01T12:00:00Z'
const claim = (asked?: string): KubeObject => ({
  apiVersion: 'v1',
  kind: 'PersistentVolumeClaim',
  metadata: {
    name: 'in',
    creationTimestamp: created,
    ...(asked === undefined ? {} : { annotations: { [annotations.version]: asked } }),
  },
})
const dataset = (maxAge: string | undefined, lastSync: object | undefined): Dataset =>
  ({ spec: { source: {}, sync: { maxAge, suspend: false } }, status: { lastSync } }) as unknown as Dataset
const looked = (startedAt: string, result = 'Unchanged', more: object = {}) => ({
  startedAt,
  finishedAt: startedAt,
  result,
  ...more,
})

test.each([
  ['no maxAge', dataset(undefined, undefined), undefined, false, undefined],
  ['never looked', dataset('0s', undefined), undefined, true, 'waits for a look'],
  ['looked before it was made', dataset('0s', looked('2026-01-01T11:59:59Z')), undefined, true, 'waits for a look'],
  ['looked since', dataset('0s', looked(created)), undefined, false, undefined],
  ['young enough', dataset('10m', looked('2026-01-01T11:50:00Z')), undefined, false, undefined],
  ['too old', dataset('10m', looked('2026-01-01T11:49:59Z')), undefined, true, 'waits for a look'],
  ['too old, but it wants a tag', dataset('10m', undefined), 'prod', false, undefined],
  ['latest by name', dataset('10m', undefined), 'latest', true, 'waits for a look'],
  ['found a change', dataset('0s', looked(created, 'Changed')), undefined, false, 'is being imported'],
  ['imported it', dataset('0s', looked(created, 'Imported')), undefined, false, undefined],
  ['could not import it', dataset('0s', looked(created, 'InvalidKeys')), undefined, false, 'could not be imported'],
  [
    'could not look',
    dataset('0s', looked(created, 'Unreachable', { failures: 2 })),
    undefined,
    false,
    'could not be looked at',
  ],
] as const)('%s', (_, of, asked, needs, awaits) => {
  expect(needsLook(of, claim(asked))).toBe(needs)
  const said = awaitsLook(of, claim(asked))
  if (awaits === undefined) expect(said).toBeUndefined()
  else expect(said).toContain(awaits)
})
