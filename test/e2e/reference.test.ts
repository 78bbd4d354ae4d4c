import { afterAll, beforeAll, expect, test } from 'vitest'
import { listKeys, putObject } from '../../scripts/lib/objects.ts'
import { claim, dataset, openWorld, type Seen, type World } from './world.ts'

/** A bucket that keeps old object versions: nothing is stored a second time, and what was v1 stays v1. */
let world: World
beforeAll(async () => {
  world = await openWorld('reference', { versioned: true })
})
afterAll(async () => {
  await world?.close()
})

test('versions point at the object versions of the source', async () => {
  await putObject(world.s3, world.bucket, 'raw/a.txt', 'first')
  await putObject(world.s3, world.bucket, 'raw/b.txt', 'same')
  await world.create(dataset(world.namespace, 'pinned', { source: { provider: 'bucket', prefix: 'raw/' } }))
  const v1 = await world.expectPhase('pinned-v1', 'Committed')
  expect(v1.status?.import).toMatchObject({ mode: 'Reference' })
  expect(await listKeys(world.s3, world.bucket, `granary/${world.namespace}/pinned/data/`)).toEqual([])

  await putObject(world.s3, world.bucket, 'raw/a.txt', 'second')
  await world.kubectl(['-n', world.namespace, 'annotate', 'dset', 'pinned', 'granary.dev/sync-requested-at=1'])
  await world.expectPhase('pinned-v2', 'Committed')

  const version = (number: string) => ({ dataset: 'pinned', annotations: { 'granary.dev/version': number } })
  await world.create(
    claim(world.namespace, 'old', version('v1')),
    claim(world.namespace, 'new', { ...version('latest'), storageClass: 'immediate' }),
  )
  const { log } = await world.runJob('compare', {
    script: 'cat /old/a.txt; echo; cat /new/a.txt /new/b.txt',
    volumes: { old: 'old:ro', new: 'new:ro' },
  })
  expect(log).toBe('first\nsecondsame')
})

test('a version is materialized: the same digest, its bytes in the store, and where it came from', async () => {
  const made = await world.granary('materialize pinned:v1 --wait -o json')
  expect(made.code).toBe(0)
  const { metadata, status } = JSON.parse(made.out) as Seen
  const v1 = await world.expectPhase('pinned-v1', 'Committed')
  expect(status?.digest).toBe(v1.status?.digest)
  const prefix = `granary/${world.namespace}/pinned/data/${status?.version}/`
  expect(await listKeys(world.s3, world.bucket, prefix)).toEqual([`${prefix}a.txt`, `${prefix}b.txt`])
  const graph = JSON.parse((await world.granary(`lineage pinned:${status?.version} -o json`)).out)
  expect(graph).toMatchObject({
    version: { producedBy: `DatasetVersion ${metadata.name}` },
    up: [{ ref: `${world.namespace}/pinned:v1`, as: 'input', producedBy: `sync of s3://${world.bucket}/raw/` }],
  })
  // Of what lies in the source as of what lies in the store.
  expect(await world.granary('verify pinned:v1 --subset 1/2 --wait')).toMatchObject({ code: 0 })
})
