import { describe, expect, test } from 'vitest'
import type { DatasetVersion } from '../../../src/api/dataset-version.ts'
import * as kinds from '../../../src/api/kinds.ts'
import type { KubeObject } from '../../../src/api/meta.ts'
import { claimController, indexes } from '../../../src/controllers/claim/index.ts'
import type { PodObject } from '../../../src/desired/objects.ts'
import { readRescued } from '../../../src/desired/rescue.ts'
import type { Claim } from '../../../src/desired/volumes.ts'
import { type Actor, crashEverywhere, drive } from '../../helpers/drive.ts'
import type { ModelApi } from '../../helpers/model-api.ts'
import { cluster, guardVolumes, type ModelVolume } from './cluster.ts'
import { getClaim, getVersion, opens, versions } from './others.ts'
import { claim, config, model, pod } from './seeds.ts'

const output = () => claim({ 'granary.dev/access': 'ReadWrite' }, { name: 'out' })
const options = (...actors: Actor[]) => ({
  controllers: () => [claimController(config)],
  indexes,
  actors: [...actors, ...cluster()],
})

const rescues = (api: ModelApi) =>
  api.all<Claim>(kinds.Claim).filter(({ metadata }) => metadata.labels?.['granary.dev/role'] === 'rescue')

/** Once: when `ready`, a person does something. State is in the model, so that a crash doesn't repeat it. */
const person =
  (name: string, ready: (api: ModelApi) => boolean, act: (api: ModelApi) => void): Actor =>
  (api) => {
    if (api.find(kinds.Namespace, undefined, `did-${name}`) || !ready(api)) return false
    api.seed({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: `did-${name}` } })
    act(api)
    return true
  }

const isRunning = (api: ModelApi) =>
  api.find<PodObject>(kinds.Pod, 'vision', 'user')?.status?.phase === 'Running' &&
  getVersion(api)?.status?.phase === 'Running'

const writes = person('write', isRunning, (api) => {
  const name = getClaim(api)!.spec.volumeName!
  api.change<ModelVolume>(kinds.Volume, undefined, name, (volume) => {
    volume.status.content = 'the output'
  })
  api.change<PodObject>(kinds.Pod, 'vision', 'user', (it) => {
    it.status = { phase: 'Succeeded' }
  })
})
const wrote = (api: ModelApi) => api.find<PodObject>(kinds.Pod, 'vision', 'user')?.status?.phase === 'Succeeded'
const podGoes = person('pod', wrote, (api) => api.remove(kinds.Pod, 'vision', 'user'))
const isGone = (api: ModelApi) => api.find(kinds.Namespace, undefined, 'did-pod') !== undefined
const claimGoes = (when: (api: ModelApi) => boolean) =>
  person('claim', when, (api) => api.remove(kinds.Claim, 'vision', 'out'))

const nothingLeft = (api: ModelApi) => {
  expect(api.all(kinds.Claim)).toEqual([])
  expect(api.all(kinds.Volume)).toEqual([])
}

const leaveOut = ({ kind }: KubeObject) => kind === 'Pod'

describe('a claim that is written to', () => {
  test('waits for its version, starts with its base, and keeps its volume', async () => {
    const api = model(output())
    await drive(api, { ...options(), horizon: 20_000 })
    expect(getClaim(api)?.metadata.annotations?.['granary.dev/waiting']).toMatch(/^VersionOnItsWay: /)
    await drive(api, options(opens, versions('Committed')))
    const volume = api.all<ModelVolume>(kinds.Volume)[0]!
    expect(getClaim(api)?.metadata.finalizers).toContain('granary.dev/finalize')
    expect(volume.status.content).toBe('Working v2')
    expect(volume.spec.persistentVolumeReclaimPolicy).toBe('Retain')
    expect(volume.metadata.annotations?.['granary.dev/reclaim-policy']).toBe('Delete')
    api.change<ModelVolume>(kinds.Volume, undefined, volume.metadata.name, (it) => {
      it.spec.persistentVolumeReclaimPolicy = 'Delete'
    })
    await drive(api, options())
    expect(api.all<ModelVolume>(kinds.Volume)[0]?.spec.persistentVolumeReclaimPolicy).toBe('Retain')
  })

  test('goes with its volume when nobody wrote to it', async () => {
    const api = model(output())
    await drive(api, options(opens, versions('Committed')))
    api.remove(kinds.Claim, 'vision', 'out')
    await drive(api, options(versions('Committed')))
    expect(getVersion(api)?.status?.phase).toBe('Abandoned')
    nothingLeft(api)
  })

  test('goes with its volume after its commit, even when the version is gone', async () => {
    const api = model(output(), pod('out'))
    await drive(api, options(opens, versions('Committed'), writes, podGoes))
    expect(getVersion(api)?.status?.phase).toBe('Committed')
    api.remove(kinds.DatasetVersion, 'vision', 'mnist-v3')
    await drive(api, options(versions('Committed')))
    api.remove(kinds.Claim, 'vision', 'out')
    await drive(api, options())
    nothingLeft(api)
  })

  test('waits for a pod that runs', async () => {
    const api = model(output(), pod('out'))
    await drive(api, options(opens, versions('Committed'), claimGoes(isRunning)))
    expect(getClaim(api)?.metadata.annotations?.['granary.dev/waiting']).toMatch(/^InUse: .*user/)
    expect(rescues(api)).toEqual([])
  })

  test('and deleted then is committed from a rescue claim, whatever call the operator dies at', async () => {
    const prepare = () => model(output(), pod('out'))
    const actors = [opens, versions('Committed'), claimGoes(isRunning), writes, podGoes]
    await crashEverywhere(prepare, {
      ...options(...actors),
      leaveOut,
      check: (api) => {
        expect(getVersion(api)?.status).toMatchObject({
          phase: 'Committed',
          claimName: expect.stringMatching(/^rescue-/),
        })
        nothingLeft(api)
      },
    })
  })

  test('keeps the output of a failed writer on a rescue claim until it is dropped by name', async () => {
    const api = model(output(), pod('out'))
    await drive(api, options(opens, versions('Uncommitted'), writes, podGoes, claimGoes(isGone)))
    const [rescue] = rescues(api)
    expect(rescue?.status?.phase).toBe('Bound')
    expect(rescue?.metadata.namespace).toBe('vision')
    expect(api.all<ModelVolume>(kinds.Volume).map(({ status }) => status.content)).toEqual(['the output'])
    api.remove(kinds.Claim, 'vision', rescue!.metadata.name)
    await drive(api, options())
    expect(rescues(api)[0]?.metadata.annotations?.['granary.dev/waiting']).toMatch(/^DeletionBlocked: /)
    api.change(kinds.Claim, 'vision', rescue!.metadata.name, ({ metadata }) => {
      metadata.annotations = { ...metadata.annotations, 'granary.dev/abandon': metadata.uid! }
    })
    api.change<DatasetVersion>(kinds.DatasetVersion, 'vision', 'mnist-v3', (version) => {
      version.status = { ...version.status, claimName: rescue!.metadata.name }
    })
    await drive(api, options())
    nothingLeft(api)
  })
})

describe('a namespace that is deleted', () => {
  const dies = (when: (api: ModelApi) => boolean) =>
    person('namespace', when, (api) => api.remove(kinds.Namespace, undefined, 'vision'))

  const bytesAreKept = (api: ModelApi) => {
    expect(api.find(kinds.Namespace, undefined, 'vision')).toBeUndefined()
    const [rescue, ...more] = rescues(api)
    expect(more).toEqual([])
    expect(rescue?.metadata.namespace).toBe('granary-rescue')
    expect(rescue?.status?.phase).toBe('Bound')
    const volume = api.all<ModelVolume>(kinds.Volume)[0]!
    expect(volume.status.content).toBe('the output')
    expect(volume.spec.persistentVolumeReclaimPolicy).toBe('Retain')
    expect(volume.spec.claimRef?.uid).toBe(rescue?.metadata.uid)
    expect(readRescued(rescue!)).toMatchObject({
      namespace: 'vision',
      dataset: 'mnist',
      name: 'mnist-v3',
      sequence: 3,
      claim: { name: 'out' },
    })
    expect(volume.metadata.annotations?.['granary.dev/rescued']).toBe(
      rescue?.metadata.annotations?.['granary.dev/rescued'],
    )
  }

  test.each([
    ['after the writer', isGone],
    ['while the pod is there', wrote],
  ])('%s: its bytes are in granary-rescue, whatever call the operator dies at', async (_, when) => {
    await crashEverywhere(() => model(output(), pod('out')), {
      ...options(opens, versions('Uncommitted'), writes, dies(when), podGoes),
      leaveOut,
      check: bytesAreKept,
    })
  })

  test('with a rescue claim in it: the bytes move on', async () => {
    const api = model(output(), pod('out'))
    await drive(api, options(opens, versions('Uncommitted'), writes, podGoes, claimGoes(isGone)))
    expect(rescues(api)[0]?.metadata.namespace).toBe('vision')
    api.remove(kinds.Namespace, undefined, 'vision')
    await drive(api, options(versions('Uncommitted')))
    bytesAreKept(api)
  })

  test('while a claim is filled: nothing is left', async () => {
    const api = model(output())
    const broken = guardVolumes(api)
    const filling = (it: ModelApi) => it.all(kinds.Job).length > 0
    await drive(api, options(opens, versions('Committed'), dies(filling)))
    expect(api.find(kinds.Namespace, undefined, 'vision')).toBeUndefined()
    nothingLeft(api)
    expect(broken).toEqual([])
  })
})
