import { describe, expect, test } from 'vitest'
import { operatorConfig } from '../src/config.ts'
import { ConfigError } from '../src/config-error.ts'

const problem = (args: string[], environment = {}) => {
  try {
    operatorConfig(args, environment)
  } catch (error) {
    expect(error).toBeInstanceOf(ConfigError)
    return (error as Error).message
  }
  return undefined
}

describe("the operator's config", () => {
  test('has a default for everything but the image', () => {
    expect(operatorConfig(['--mover-image=granary:1'], {})).toEqual({
      moverImage: 'granary:1',
      moverResources: { requests: { cpu: '100m', memory: '256Mi' }, limits: { memory: '1Gi' } },
      allowHostPath: [],
      defaultOutputSize: '10Gi',
      maxMovers: 64,
      maxMoversPerNamespace: 16,
      metricsAddress: ':8080',
      healthAddress: ':8081',
      logLevel: 'info',
      leaderElect: true,
      namespace: 'granary-system',
      rescueNamespace: 'granary-rescue',
      inPod: false,
    })
  })

  test('a flag wins over a variable', () => {
    const environment = {
      GRANARY_MOVER_IMAGE: 'a',
      GRANARY_LEADER_ELECT: 'false',
      GRANARY_LOG_LEVEL: 'debug',
      OTHER: 'x',
    }
    expect(
      operatorConfig(
        ['--mover-image', 'b', '--default-store={"s3":{"bucket":"team"},"prefix":"granary/"}'],
        environment,
      ),
    ).toMatchObject({
      moverImage: 'b',
      leaderElect: false,
      logLevel: 'debug',
      defaultStore: { s3: { bucket: 'team' }, prefix: 'granary/' },
    })
  })

  test('directories of the nodes, and a claim as store', () => {
    const args = ['--mover-image=b', '--allow-host-path=/mnt/a,/srv', '--default-store={"claim":{"size":"50Gi"}}']
    expect(operatorConfig(args, {})).toMatchObject({
      allowHostPath: ['/mnt/a', '/srv'],
      defaultStore: { claim: { name: 'granary-store', size: '50Gi' } },
    })
  })

  test.each([
    [[], /^--mover-image \(or GRANARY_MOVER_IMAGE\) is missing$/],
    [['--mover-imag=x'], /Unknown option '--mover-imag'; flags are --mover-image,/],
    [['--log-level=loud'], /^--log-level .*debug/],
    [['--leader-elect=yes'], /^--leader-elect .*true.*false/],
    [['--default-output-size=much'], /^--default-output-size .*for example 20Gi$/],
    [['--health-address=8081'], /^--health-address .*for example :8080$/],
    [['--default-store=s3://team'], /^--default-store .*is not JSON: write for example/],
    [
      ['--default-store={"s3":{"bucket":"a"},"gcs":{"bucket":"b"}}'],
      /^--default-store .*exactly one of s3, gcs and claim$/,
    ],
    [['--default-store={"claim":{"storageClassName":"fast"}}'], /^--default-store .*claim\.size/],
    [['--allow-host-path=/mnt,data'], /^--allow-host-path .*absolute paths/],
    [['--allow-host-path=/mnt/../etc'], /^--allow-host-path .*absolute paths/],
    [['--default-store={"s3":{"bucket":"a"},"credentials":{"secretName":"s"}}'], /^--default-store .*credentials/],
    [['--mover-resources={"requests":{"cpu":"lots"}}'], /^--mover-resources .*requests\.cpu: is a quantity/],
  ])('%j ends with a sentence', (args, sentence) => {
    const needed = args.length > 0 ? ['--mover-image=x'] : []
    expect(problem([...needed, ...args])).toMatch(sentence)
  })
})
