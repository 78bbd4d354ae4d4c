import { describe, expect, test } from 'vitest'
import type { DatasetSpec } from '../../../src/api/dataset.ts'
import { resolve } from '../../../src/controllers/claim/decide/resolve.ts'
import { isAllowed } from '../../../src/desired/allowed.ts'
import { datasetVersion, digestOf } from './seeds.ts'

const ask = (selector: string, versions = [datasetVersion(1), datasetVersion(12), datasetVersion(2)]) =>
  resolve({ namespace: 'vision', dataset: 'mnist', selector, tags: [{ name: 'prod', version: 'v2' }], versions })

describe('a selector means', () => {
  test.each([
    ['latest', 12],
    ['v1', 1],
    ['prod', 2],
    [`latest@sha256:${digestOf(12).slice(0, 12)}`, 12],
  ])('%s: v%i', (selector, sequence) => {
    const answer = ask(selector)
    expect(answer).toEqual({
      resolved: {
        ref: `vision/mnist:${selector}`,
        namespace: 'vision',
        dataset: 'mnist',
        version: `v${sequence}`,
        digest: digestOf(sequence),
        content: { sequence, digest: digestOf(sequence), root: digestOf(sequence), files: 10, bytes: 1_000_000 },
      },
    })
  })

  test('latest: the highest committed number, whatever is open above it', () => {
    const answer = ask('latest', [datasetVersion(1), datasetVersion(2, { phase: 'Finalizing' })])
    expect(answer).toMatchObject({ resolved: { version: 'v1' } })
  })

  test.each([
    ['latest', [], 'VersionNotFound', /no committed version yet/],
    ['latest', [datasetVersion(1, { phase: 'Running' })], 'VersionOnItsWay', /mnist-v1 is Running/],
    ['v1', [datasetVersion(1, { phase: 'Uncommitted' })], 'VersionOnItsWay', /mnist-v1 is Uncommitted/],
    ['v1', [datasetVersion(1, { phase: 'Abandoned' })], 'VersionNotFound', /is Abandoned/],
    ['prod', [datasetVersion(1)], 'VersionNotFound', /does not exist/],
    ['v3', [datasetVersion(1)], 'VersionNotFound', /does not exist/],
    ['v1@sha256:0123456789ab', [datasetVersion(1)], 'VersionNotFound', /has the digest d{3}/],
  ])('%s: a reason (%#)', (selector, versions, reason, message) => {
    const answer = ask(selector, versions)
    expect(answer).toEqual({ reason, message: expect.stringMatching(message) })
  })
})

describe('a namespace is allowed', () => {
  const home = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'serving', labels: { team: 'a', tier: 'x' } } }
  test.each<[DatasetSpec['allowedNamespaces'], boolean]>([
    [undefined, false],
    [{ maxFills: 4 }, false],
    [{ names: ['serving'], maxFills: 4 }, true],
    [{ names: ['other'], maxFills: 4 }, false],
    [{ selector: {}, maxFills: 4 }, false],
    [{ selector: { matchLabels: { team: 'a' } }, maxFills: 4 }, true],
    [{ selector: { matchLabels: { team: 'a', tier: 'y' } }, maxFills: 4 }, false],
    [{ selector: { matchExpressions: [{ key: 'team', operator: 'In', values: ['a', 'b'] }] }, maxFills: 4 }, true],
    [{ selector: { matchExpressions: [{ key: 'team', operator: 'NotIn', values: ['a'] }] }, maxFills: 4 }, false],
    [{ selector: { matchExpressions: [{ key: 'zone', operator: 'NotIn', values: ['a'] }] }, maxFills: 4 }, true],
    [{ selector: { matchExpressions: [{ key: 'zone', operator: 'Exists' }] }, maxFills: 4 }, false],
    [{ selector: { matchExpressions: [{ key: 'zone', operator: 'DoesNotExist' }] }, maxFills: 4 }, true],
    [{ names: ['other'], selector: { matchLabels: { team: 'a' } }, maxFills: 4 }, true],
  ])('%j: %s', (allowed, expected) => {
    expect(isAllowed(allowed, home)).toBe(expected)
  })
})
