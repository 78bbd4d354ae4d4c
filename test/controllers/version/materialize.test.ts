import { expect, test, vi } from 'vitest'
import * as kinds from '../../../src/api/kinds.ts'
import { crashEverywhere, drive } from '../../helpers/drive.ts'
import type { ModelApi } from '../../helpers/model-api.ts'
import { type Asked, fails, house, inTurn, movers, ns, options, sha, statusOf, succeeds, version } from './scene.ts'

vi.setConfig({ testTimeout: 120_000 })

const scene = (from: string): ModelApi => {
  const api = house()
  const status = { phase: 'Committed', digest: sha('d'), rootDigest: sha('e'), files: 3, bytes: 30 }
  api.seed(version('mnist-v1', 1, { from: { source: {} } }, { status }))
  api.seed(version('owned', 2, { from: { version: from } }))
  return api
}

test('a version of the content of another commits by itself', async () => {
  const api = scene('v1')
  const asked: Asked = []
  const driven = await drive(api, { ...options, actors: [inTurn(movers(succeeds, asked))] })
  expect(driven.errors).toEqual([])
  expect(asked).toMatchObject([
    { op: 'Materialize', version: { sequence: 1, root: sha('e'), digest: sha('d') }, intent: { sequence: 2 } },
  ])
  const inputs = [{ ref: 'mnist:v1', version: 'v1', digest: sha('d') }]
  expect(asked[0]).toMatchObject({ intent: { producer: { kind: 'DatasetVersion', name: 'owned' }, inputs } })
  expect(statusOf(api, 'owned')).toMatchObject({ phase: 'Committed', files: 3, inputs, producedBy: { name: 'owned' } })
  expect(api.all(kinds.Claim)).toEqual([])
  expect(api.all(kinds.Job, ns)).toEqual([])
})

test('one that is not there is waited for', async () => {
  const api = scene('v7')
  await drive(api, { ...options, actors: [inTurn(movers(succeeds))] })
  expect(statusOf(api, 'owned')?.conditions?.find(({ type }) => type === 'Ready')?.reason).toBe('VersionNotFound')
})

test('wherever the operator dies, with a first attempt that fails', async () => {
  await crashEverywhere(() => scene('v1'), {
    ...options,
    limit: 500,
    actors: [
      (api) => {
        const first = api.all(kinds.Job, ns).some(({ metadata }) => metadata.name.endsWith('-1'))
        return movers(first ? fails('Unreachable', 'Materialize') : succeeds)(api)
      },
    ],
    check: (api) => expect(statusOf(api, 'owned')?.phase).toBe('Committed'),
  })
})
