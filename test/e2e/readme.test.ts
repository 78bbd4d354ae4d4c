import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { parseAllDocuments } from 'yaml'
import { putObject } from '../../scripts/lib/objects.ts'
import { DatasetVersion, Job } from '../../src/api/kinds.ts'
import { openWorld, type World } from './world.ts'

interface Example {
  kind?: string
  metadata?: { name: string; namespace?: string }
  spec?: Record<string, unknown>
}

/** What stands in the README, applied as it stands there: only the bucket is the test's. */
const examples = (world: World): Example[] => {
  const text = readFileSync(new URL('../../README.md', import.meta.url), 'utf8')
  const blocks = [...text.matchAll(/```yaml\n([\s\S]*?)```/g)].map((match) => match[1] ?? '')
  const objects = blocks.flatMap((block) => parseAllDocuments(block).map((document) => document.toJS() as Example))
  return objects
    .filter((object) => object.kind !== undefined)
    .map((object) => ({
      ...object,
      metadata: { ...object.metadata, name: object.metadata?.name ?? '', namespace: world.namespace },
      ...(object.kind === 'StorageProvider'
        ? {
            spec: {
              ...object.spec,
              s3: { bucket: world.bucket, endpoint: world.env.AWS_ENDPOINT_URL_S3, region: world.env.AWS_REGION },
            },
          }
        : {}),
    }))
}

let world: World
beforeAll(async () => {
  world = await openWorld('readme')
})
afterAll(async () => {
  await world?.close()
})

test('the YAML of the README works as it stands', async () => {
  await world.kubectl(['-n', world.namespace, 'delete', 'sprov', 'bucket'])
  await putObject(world.s3, world.bucket, 'public/mnist/0.json', '[0]')
  const all = examples(world)
  expect(all.map((object) => `${object.kind} ${object.metadata?.name}`)).toEqual([
    'StorageProvider team-bucket',
    'Dataset mnist',
    'PersistentVolumeClaim data',
    'Dataset model',
    'PersistentVolumeClaim model-out',
    'Job train',
    'Dataset labels',
    'Job peek',
    'PersistentVolumeClaim playground',
    'DatasetVersion relabelled',
    'DatasetVersion mnist-owned',
  ])
  // Versions that people make come after those that they are made from.
  const byHand = all.filter(({ kind }) => kind === 'DatasetVersion')
  await world.create(...all.filter((object) => !byHand.includes(object)))
  await Promise.all(['mnist-v1', 'labels-v1'].map((name) => world.expectPhase(name, 'Committed')))
  await world.create(...byHand)
  await world.expectBound('mnist-v1')
  const { log } = await world.runJob('read', { script: 'cat /kept/0.json', volumes: { kept: 'mnist-v1:ro' } })
  expect(log).toBe('[0]')
  const version = await world.expectPhase('model-v1', 'Committed')
  expect(version.status).toMatchObject({ files: 1, bytes: '3 /data/0.json\n'.length })
})

test('a copy to try things on, one that is promoted, and a volume that goes with its pod', async () => {
  const { log } = await world.runJob('try', {
    script: 'echo fish > /mine/classes.txt && echo bird > /work/more.txt && cat /work/classes.txt',
    volumes: { mine: 'playground', work: 'relabelled' },
  })
  expect(log).toBe('cat dog')
  await world.expectCondition(DatasetVersion, 'relabelled', 'Committed', 'False', 'AwaitingCommit')
  const committed = await world.granary('commit relabelled --wait')
  expect([committed.code, committed.out]).toEqual([0, 'relabelled is committed as v2: 2 files, 12 B.'])
  const difference = await world.granary('diff labels:prod labels:latest')
  expect(difference.out.split('\n').at(0)).toBe('+ more.txt  (5 B)')
  expect((await world.granary('tag set labels prod latest --wait')).out).toBe('prod is v2 (was v1)')
  await world.expectObject(Job, 'peek', (it) => it.status?.succeeded === 1)
  expect(await world.kubectl(['-n', world.namespace, 'logs', 'job/peek'])).toBe('cat dog')
  const owned = await world.expectPhase('mnist-owned', 'Committed')
  expect(owned.status?.digest).toBe((await world.seen(DatasetVersion, 'mnist-v1'))?.status?.digest)
  const graph = await world.granary('lineage model')
  expect(graph.out).toContain('by Job train')
  expect(graph.out).toContain(`by sync of s3://${world.bucket}/public/mnist/`)
})
