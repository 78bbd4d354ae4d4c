import { describe, expect, test } from 'vitest'
import { parseCopyArgs } from '../../src/cli/cp-args.ts'
import { ConfigError } from '../../src/config-error.ts'
import { copyConfig } from '../../src/copy-config.ts'

describe('arguments of cp', () => {
  test('all of them', () => {
    const args = [
      '--json',
      's3://bucket/a/',
      '--include',
      '*.jpg',
      '--include=*.png',
      'out',
      '--exclude',
      'x',
      '--prune',
    ]
    expect(parseCopyArgs(args, '/work')).toEqual({
      source: { kind: 's3', bucket: 'bucket', prefix: 'a/' },
      destination: { kind: 'dir', path: '/work/out' },
      json: true,
      prune: true,
      include: ['*.jpg', '*.png'],
      exclude: ['x'],
    })
  })

  test('none that delete unless asked for', () => {
    expect(parseCopyArgs(['a', 'b'], '/')).toMatchObject({ prune: false, json: false, include: [], exclude: [] })
  })

  test('help', () => {
    expect(parseCopyArgs(['--help'], '/')).toBeUndefined()
  })

  test.each([
    [['a'], 'one source and one destination'],
    [['a', 'b', 'c'], 'one source and one destination'],
    [['--delete', 'a', 'b'], '--delete'],
    [['http://a', 'b'], 'no place that is known'],
  ])('%j is refused', (args, sentence) => {
    expect(() => parseCopyArgs(args, '/')).toThrow(ConfigError)
    expect(() => parseCopyArgs(args, '/')).toThrow(sentence)
  })
})

describe('the environment of cp', () => {
  test('the variables of the providers', () => {
    const env = {
      HOME: '/home/me',
      AWS_ENDPOINT_URL: 'http://general',
      AWS_ENDPOINT_URL_S3: 'http://s3',
      AWS_DEFAULT_REGION: 'eu-west-1',
      AWS_CA_BUNDLE: '/ca.pem',
      AWS_SECRET_ACCESS_KEY: 'secret',
      STORAGE_EMULATOR_HOST: 'localhost:4443',
      XDG_STATE_HOME: '/state',
    }
    expect(copyConfig(env)).toEqual({
      stateDir: '/state/granary/cp',
      s3: { endpoint: 'http://s3', region: 'eu-west-1', caFile: '/ca.pem' },
      gcs: { endpoint: 'http://localhost:4443' },
      secrets: ['secret'],
    })
  })

  test('keys are taken as they stand, unless something comes before them', () => {
    const keys = { AWS_ACCESS_KEY_ID: 'id', AWS_SECRET_ACCESS_KEY: 'secret' }
    const accessKeys = { accessKeyId: 'id', secretAccessKey: 'secret' }
    expect(copyConfig(keys).accessKeys).toEqual(accessKeys)
    expect(copyConfig({ ...keys, AWS_SESSION_TOKEN: 't' }).accessKeys).toEqual({ ...accessKeys, sessionToken: 't' })
    expect(copyConfig({ ...keys, AWS_PROFILE: 'other' }).accessKeys).toBeUndefined()
    expect(copyConfig({ ...keys, AWS_CREDENTIAL_EXPIRATION: '2026-01-01T00:00:00Z' }).accessKeys).toBeUndefined()
    expect(copyConfig({ AWS_ACCESS_KEY_ID: 'id' }).accessKeys).toBeUndefined()
  })

  test('empty ones are as none', () => {
    expect(
      copyConfig({ AWS_ENDPOINT_URL_S3: '', AWS_ENDPOINT_URL: 'http://x', STORAGE_EMULATOR_HOST: '' }),
    ).toMatchObject({
      s3: { endpoint: 'http://x' },
      gcs: {},
    })
  })
})
