import { afterEach, describe, expect, test, vi } from 'vitest'
import { clusterEnvironment, otherCluster } from '../../scripts/cluster/environment.ts'
import { statePaths } from '../../scripts/cluster/paths.ts'
import { knowsToolchains } from '../../scripts/cluster/prerequisites.ts'

const s3 = {
  AWS_ENDPOINT_URL_S3: 'https://s3.example',
  AWS_REGION: 'eu-west-1',
  AWS_ACCESS_KEY_ID: 'key',
  AWS_SECRET_ACCESS_KEY: 'secret',
}

describe('the environment of another cluster', () => {
  afterEach(() => vi.unstubAllEnvs())

  test.each([
    ['none chosen', '', undefined],
    ['this one chosen', statePaths.kubeconfig, undefined],
    ['another one chosen', '/home/me/kubeconfig', '/home/me/kubeconfig'],
  ])('%s', (_, chosen, other) => {
    vi.stubEnv('KUBECONFIG', chosen)
    expect(otherCluster()).toBe(other)
  })

  test('is passed on with the S3 server that was given', () => {
    for (const [name, value] of Object.entries({ ...s3, KUBECONFIG: '/other' })) vi.stubEnv(name, value)
    expect(clusterEnvironment()).toEqual({ ...s3, KUBECONFIG: '/other' })
  })

  test('names what is missing', () => {
    for (const name of Object.keys(s3)) vi.stubEnv(name, undefined)
    vi.stubEnv('KUBECONFIG', '/other')
    expect(clusterEnvironment).toThrow(`set ${Object.keys(s3).join(', ')}`)
  })
})

describe('knowsToolchains', () => {
  test.each([
    ['1.19.8', false],
    ['1.20', false],
    ['1.21.0', true],
    ['1.26rc1', true],
    ['2.0', true],
  ])('Go %s: %s', (release, known) => {
    expect(knowsToolchains(release)).toBe(known)
  })
})
