import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { listKeys } from '../../scripts/lib/objects.ts'
import { until } from '../../scripts/lib/session.ts'
import { Claim, DatasetVersion, Namespace, Pod } from '../../src/api/kinds.ts'
import { claim, dataset, openWorld, pod, type Seen, type World } from './world.ts'

/** A namespace is deleted while a person writes: the bytes are on a rescue claim, and can be adopted into a living namespace. */
describe('a namespace deleted in the middle', () => {
  let doomed: World
  let living: World
  beforeAll(async () => {
    doomed = await openWorld('doomed')
    living = await openWorld('living')
  })
  afterAll(async () => {
    await doomed?.close()
    await living?.close()
  })

  test('keeps the bytes, and gives them to a Dataset of another namespace', async () => {
    await doomed.create(
      dataset(doomed.namespace, 'notes', {}),
      claim(doomed.namespace, 'notes', {
        dataset: 'notes',
        annotations: { 'granary.dev/access': 'ReadWrite', 'granary.dev/message': 'kept' },
      }),
      pod(doomed.namespace, 'writer', {
        script: 'echo precious > /out/notes.txt; sleep 3600',
        volumes: { out: 'notes' },
      }),
    )
    await doomed.expectObject(Pod, 'writer', (it) => it.status?.phase === 'Running')
    await doomed.expectObject(DatasetVersion, 'notes-v1', (it) => it.status?.firstUsedAt !== undefined)
    await doomed.kubectl(['delete', 'namespace', doomed.namespace, '--wait=false'])

    const rescued = await until('the rescue claim to be Bound', async () => {
      const claims = await doomed.list<Seen>(Claim, 'granary-rescue', 'granary.dev/role=rescue')
      const mine = claims.find((it) => it.metadata.annotations?.['granary.dev/rescued']?.includes(doomed.namespace))
      return mine?.status?.phase === 'Bound' ? mine : undefined
    })
    expect(JSON.parse(rescued.metadata.annotations?.['granary.dev/rescued'] ?? '{}')).toMatchObject({
      namespace: doomed.namespace,
      dataset: 'notes',
      name: 'notes-v1',
      message: 'kept',
    })
    await until(`namespace ${doomed.namespace} to be gone`, async () => {
      return (await doomed.get(Namespace, undefined, doomed.namespace)) === undefined
    })

    await living.create(dataset(living.namespace, 'notes', {}))
    expect((await living.granary('rescue list')).out).toContain(rescued.metadata.name)
    // Not in the namespace of the command: such claims are in granary-rescue.
    const adopted = await living.granary(
      `rescue adopt ${rescued.metadata.name} ${living.namespace}/notes --wait -n granary-rescue`,
    )
    expect([adopted.code, adopted.out]).toEqual([0, 'The bytes are notes:v1: 1 files.'])
    const [version] = await living.list<Seen>(DatasetVersion, living.namespace)
    expect(version?.status).toMatchObject({ files: 1, bytes: 9 })
    const prefix = `granary/${living.namespace}/notes/data/`
    const keys = await listKeys(living.s3, living.bucket, prefix)
    expect(keys.map((key) => key.split('/').at(-1))).toEqual(['notes.txt'])
    await until('the rescue claim to be gone', async () => {
      return (await living.get(Claim, 'granary-rescue', rescued.metadata.name)) === undefined
    })
  })
})
