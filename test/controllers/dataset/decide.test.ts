import { describe, expect, test } from 'vitest'
import { type Dataset, DatasetSpec } from '../../../src/api/dataset.ts'
import type { DatasetVersion } from '../../../src/api/dataset-version.ts'
import * as kinds from '../../../src/api/kinds.ts'
import { annotations, finalizers, labels } from '../../../src/api/names.ts'
import { parseSpec } from '../../../src/api/schema.ts'
import { decide } from '../../../src/controllers/dataset/decide.ts'
import type { World } from '../../../src/controllers/dataset/world.ts'
import type { ClaimObject, PodObject } from '../../../src/desired/objects.ts'
import type { Plan } from '../../../src/kube/types.ts'
import { spread } from '../../../src/lib/spread.ts'
import { config, dataset, digest, namespace, outputClaim, provider, withSource, writer } from './actors.ts'

const now = Date.parse('2026-01-10T12:00:00Z')
const at = (secondsAgo: number) => new Date(now - secondsAgo * 1000).toISOString()

type Status = NonNullable<Dataset['status']>

const settled: Status = {
  adoption: { done: true, attempt: 2 },
  nextSequence: 4,
  store: { provider: 'bucket', kind: 's3', bucket: 'team', prefix: 'all/granary/vision/mnist/' },
}

const looked = (more: Status['lastSync'] = {}): Status => ({
  ...settled,
  importedFingerprint: 'one',
  lastSync: {
    attempt: 5,
    generation: 1,
    failures: 0,
    startedAt: at(60),
    finishedAt: at(50),
    fingerprint: 'one',
    ...more,
  },
})

const version = (
  sequence: number,
  more: { spec?: object; status?: object; annotations?: Record<string, string> } = {},
) =>
  ({
    apiVersion: kinds.apiVersion,
    kind: 'DatasetVersion',
    metadata: {
      name: `mnist-v${sequence}`,
      namespace,
      uid: `uid-v${sequence}`,
      labels: { [labels.ownerUid]: 'uid-mnist' },
      ...(more.annotations ? { annotations: more.annotations } : {}),
    },
    spec: { dataset: 'mnist', ...more.spec },
    status: {
      sequence,
      version: `v${sequence}`,
      phase: 'Committed',
      digest: digest('a'),
      files: 1,
      bytes: 2048,
      committedAt: `2026-01-0${sequence}T00:00:00Z`,
      ...more.status,
    },
  }) as unknown as DatasetVersion

interface Given {
  of?: Dataset
  status?: Status
  meta?: Partial<Dataset['metadata']>
  versions?: DatasetVersion[]
  claims?: ClaimObject[]
  pods?: PodObject[]
  providers?: World['providers']
  more?: Partial<World>
}

const world = ({
  of = dataset(),
  status = settled,
  meta,
  versions = [],
  claims = [],
  pods = [],
  providers,
  more,
}: Given): World => {
  const object = {
    ...of,
    metadata: { ...of.metadata, uid: 'uid-mnist', resourceVersion: '7', generation: 1, ...meta },
    status,
  }
  const { spec, problem } = parseSpec(DatasetSpec, object)
  return {
    now,
    config,
    dataset: object,
    spec: spec ?? DatasetSpec.parse({}),
    problem,
    versions,
    claims: claims.map((claim) => ({ ...claim, metadata: { uid: `uid-${claim.metadata.name}`, ...claim.metadata } })),
    named: [],
    snapshots: [],
    pods,
    jobs: [],
    looks: [],
    lookers: [],
    contentClaims: [],
    contentPods: [],
    isNamespaceLeaving: false,
    writing: [],
    movers: [],
    events: [],
    providers: providers ?? [provider()],
    sourceWriters: [],
    shareClaims: [],
    shareVolumes: [],
    ...more,
  }
}

const statusOf = (plan: Plan): Status | undefined =>
  plan.status?.find(({ object }) => object.kind === 'Dataset')?.status as Status | undefined
const said = (plan: Plan, type: string) => {
  const found = statusOf(plan)?.conditions?.find((condition) => condition.type === type)
  return found && `${found.status} ${found.reason}`
}

describe('what only the user can mend', () => {
  test.each<[string, Given, string, RegExp]>([
    ['no store', { providers: [] }, 'NoStore', /default: true/],
    ['a provider that is not there', { of: dataset({ store: { provider: 'gone' } }) }, 'ProviderNotFound', /"gone"/],
    [
      'another store than before',
      { providers: [provider({ s3: { bucket: 'other' } })] },
      'StoreMoved',
      /s3:\/\/team\/all\/granary\/vision\/mnist\/.*s3:\/\/other\//,
    ],
    [
      'a directory of the nodes that nobody allowed',
      { of: dataset({ source: { hostPath: { path: '/etc' } } }) },
      'HostPathNotAllowed',
      /\/etc .*--allow-host-path/,
    ],
    ['a spec that is none', { of: dataset({ import: 'Sometimes' }) }, 'InvalidSpec', /spec\.import/],
  ])('%s', (_, given, reason, message) => {
    const plan = decide(world(given))
    expect(said(plan, 'Ready')).toBe(`False ${reason}`)
    expect(said(plan, 'Stalled')).toBe(`True ${reason}`)
    expect(statusOf(plan)?.conditions?.find((one) => one.type === 'Ready')?.message).toMatch(message)
    expect(plan.create).toBeUndefined()
    expect(plan.events?.map((event) => event.reason)).toEqual([reason])
  })
})

describe('stores', () => {
  test.each<[string, Given, object]>([
    ['the default provider', {}, { provider: 'bucket', bucket: 'team', prefix: 'all/granary/vision/mnist/' }],
    [
      'a named location, with its own prefix',
      { of: dataset({ store: { s3: { bucket: 'mine', endpoint: 'http://s3' }, prefix: 'x/' } }) },
      { kind: 's3', bucket: 'mine', endpoint: 'http://s3', prefix: 'x/vision/mnist/' },
    ],
    [
      "the operator's default",
      { providers: [], more: { config: { ...config, defaultStore: { s3: { bucket: 'all' } } } } },
      { bucket: 'all', prefix: 'granary/vision/mnist/' },
    ],
  ])('%s', (_, given, expected) => {
    expect(statusOf(decide(world({ ...given, status: {} })))?.store).toMatchObject(expected)
  })

  test('a new address of the same bucket is no other store', () => {
    const plan = decide(world({ providers: [provider({ s3: { bucket: 'team', endpoint: 'http://new' } })] }))
    expect(statusOf(plan)?.store?.endpoint).toBe('http://new')
    expect(said(plan, 'Ready')).toBe('True Ready')
  })
})

test('a store that moved and came back is reachable again', () => {
  const moved = statusOf(decide(world({ providers: [provider({ s3: { bucket: 'other' } })] }))) ?? {}
  const plan = decide(world({ status: moved }))
  expect(said(plan, 'StoreReachable')).toBe('True Reachable')
  expect(said(plan, 'Ready')).toBe('True Ready')
  expect(said(plan, 'Stalled')).toBeUndefined()
})

describe('when the source is looked at', () => {
  const reading = (more: Record<string, string> = {}): ClaimObject => {
    const claim = outputClaim('in', { [annotations.access]: 'ReadOnly', ...more })
    claim.metadata.creationTimestamp = at(1)
    return claim
  }
  const starts = (given: Given) => {
    const status = statusOf(decide(world(given)))
    return status?.lastSync?.startedAt !== undefined && status.lastSync.finishedAt === undefined
  }
  test.each<[string, boolean, Given]>([
    ['never looked', true, { of: withSource(), status: settled }],
    ['looked, no interval', false, { of: withSource(), status: looked() }],
    ['the interval is over', true, { of: withSource({ sync: { interval: '30s' } }), status: looked() }],
    ['the interval is not over', false, { of: withSource({ sync: { interval: '10m' } }), status: looked() }],
    [
      'its time has come',
      true,
      {
        of: withSource({ sync: { schedule: '59 11 * * *' } }),
        status: looked({ startedAt: at(90), finishedAt: at(80) }),
      },
    ],
    ['its time has not come', false, { of: withSource({ sync: { schedule: '0 13 * * *' } }), status: looked() }],
    [
      'its time has not come there',
      false,
      {
        of: withSource({ sync: { schedule: '59 11 * * *', timeZone: 'Asia/Tokyo' } }),
        status: looked({ startedAt: at(90), finishedAt: at(80) }),
      },
    ],
    [
      'a claim wants a newer look',
      true,
      { of: withSource({ sync: { maxAge: '0s' } }), status: looked(), claims: [reading()] },
    ],
    [
      'a claim is content with the last look',
      false,
      { of: withSource({ sync: { maxAge: '10m' } }), status: looked(), claims: [reading()] },
    ],
    [
      'a claim that has its version',
      false,
      {
        of: withSource({ sync: { maxAge: '0s' } }),
        status: looked(),
        claims: [reading({ [annotations.resolved]: '{}' })],
      },
    ],
    [
      'asked for',
      true,
      { of: withSource(), status: looked(), meta: { annotations: { [annotations.syncRequestedAt]: 'x' } } },
    ],
    [
      'asked for, and done',
      false,
      {
        of: withSource(),
        status: { ...looked(), lastHandledSyncRequest: 'x' },
        meta: { annotations: { [annotations.syncRequestedAt]: 'x' } },
      },
    ],
    ['the spec changed', true, { of: withSource(), status: looked(), meta: { generation: 2 } }],
    ['suspended', false, { of: withSource({ sync: { suspend: true } }), status: settled }],
    ['failed a while ago', true, { of: withSource(), status: looked({ failures: 3 }) }],
    ['failed just now', false, { of: withSource(), status: looked({ failures: 3, finishedAt: at(2) }) }],
    ['no source', false, { status: settled }],
    [
      'an import is under way',
      false,
      {
        of: withSource({ sync: { interval: '1s' } }),
        status: looked({ sequence: 3 }),
        versions: [version(3, { spec: { from: { source: {} } }, status: { phase: 'Initializing' } })],
      },
    ],
  ])('%s: %s', (_, expected, given) => {
    expect(starts(given)).toBe(expected)
  })

  test('the next look is written down and waited for', () => {
    const plan = decide(world({ of: withSource({ sync: { interval: '10m' } }), status: looked() }))
    // Ten minutes after the last, less what spreads it: up to a tenth, always the same for this Dataset.
    const early = Math.round(60_000 * spread('uid-mnist'))
    expect(early).toBeGreaterThan(1000)
    expect(plan.requeueAfter).toBe(550_000 - early)
    expect(Date.parse(statusOf(plan)?.nextSyncAt ?? '')).toBe(Math.floor((now + 550_000 - early) / 1000) * 1000)
  })

  test('a schedule that makes no sense is said', () => {
    const plan = decide(world({ of: withSource({ sync: { schedule: 'daily', timeZone: 'UTC' } }), status: looked() }))
    expect(said(plan, 'Stalled')).toBe('True InvalidSpec')
  })

  test('an import that failed for good is not repeated for the same listing, unless somebody asks', () => {
    const failed = version(3, { spec: { from: { source: {} } }, status: { phase: 'Failed', digest: undefined } })
    const status = { ...looked({ sequence: 3, changed: true, fingerprint: 'two' }) }
    const settledNow = statusOf(decide(world({ of: withSource(), status, versions: [failed] })))
    expect(settledNow?.failedFingerprint).toBe('two')
    const asked = { annotations: { [annotations.syncRequestedAt]: 'x' } }
    const again = decide(world({ of: withSource(), status: settledNow ?? {}, versions: [failed], meta: asked }))
    expect(statusOf(again)?.failedFingerprint).toBeUndefined()
  })
})

describe('tags and latest', () => {
  test('latest is the highest number; a tag is where it was put last; a declared one wins', () => {
    const versions = [
      version(1, { spec: { tags: ['candidate', 'old'] } }),
      version(3, { spec: { tags: ['candidate'] } }),
      version(2, { spec: { tags: ['candidate', 'prod'] }, status: { committedAt: '2026-01-09T00:00:00Z' } }),
    ]
    const status = statusOf(decide(world({ of: dataset({ tags: { prod: 'v3' } }), versions })))
    expect(status?.latest).toMatchObject({ version: 'v3', size: '2.0 KiB' })
    expect(status?.versions).toBe(3)
    expect(status?.tags?.map(({ name, version: number }) => `${name} ${number}`)).toEqual([
      'candidate v2',
      'old v1',
      'prod v3',
    ])
    expect(status?.tagHistory).toHaveLength(3)
  })

  test('a tag that moves keeps its history; one that goes too', () => {
    const before = { name: 'prod', version: 'v1', digest: digest('a'), movedAt: at(100) }
    const gone = { name: 'gone', version: 'v1', digest: digest('a'), movedAt: at(100) }
    const given = { of: dataset({ tags: { prod: 'v2' } }), versions: [version(1), version(2)] }
    const status = statusOf(decide(world({ ...given, status: { ...settled, tags: [before, gone] } })))
    expect(status?.tagHistory).toEqual([
      { name: 'gone', from: 'v1', at: '2026-01-10T12:00:00Z' },
      { name: 'prod', from: 'v1', to: 'v2', at: '2026-01-10T12:00:00Z' },
    ])
  })

  const damaged = (n: number, tags: string[] = []) =>
    version(n, {
      spec: { tags },
      status: {
        conditions: [{ type: 'Degraded', status: 'True', reason: 'Corrupt', message: '', lastTransitionTime: at(9) }],
      },
    })

  test('nothing moves to a version whose bytes are damaged, and nothing moves away from it', () => {
    const tag = (name: string, number: string) => ({ name, version: number, digest: digest('a'), movedAt: at(100) })
    const tags = [tag('candidate', 'v1'), tag('kept', 'v3'), tag('prod', 'v1')]
    const versions = [version(1, { spec: { tags: ['candidate'] } }), version(2), damaged(3, ['candidate', 'kept'])]
    const given = { of: dataset({ tags: { prod: 'v3' } }), versions }
    const plan = decide(world({ ...given, status: { ...settled, tags } }))
    expect(statusOf(plan)?.tags).toEqual(tags)
    expect(statusOf(plan)?.latest?.version).toBe('v2')
    expect(said(plan, 'Ready')).toBe('False TagTargetMissing')
    const before = statusOf(decide(world({ versions: [version(3)] })))
    expect(statusOf(decide(world({ ...given, status: before ?? {} })))?.latest?.version).toBe('v3')
  })

  test('a declared tag without its version is said', () => {
    const plan = decide(world({ of: dataset({ tags: { prod: 'v9' } }), versions: [version(1)] }))
    expect(said(plan, 'Ready')).toBe('False TagTargetMissing')
  })
})

describe('which claims open a version', () => {
  const guarded = { finalizers: [finalizers.dataset] }
  const mine = { [annotations.claim]: 'out', [annotations.claimUid]: 'uid-out' }
  const reserved = (given: Given) => {
    const plan = decide(world({ ...given, meta: guarded }))
    return statusOf(plan)?.opening?.map((entry) => entry.for) ?? []
  }
  const readOnly = (pod: PodObject): PodObject => {
    const copy = structuredClone(pod)
    const mount = copy.spec?.containers?.[0]?.volumeMounts?.[0]
    if (mount) mount.readOnly = true
    return copy
  }
  const foreign = structuredClone(outputClaim('out'))
  if (foreign.spec?.dataSourceRef) foreign.spec.dataSourceRef.kind = 'DatasetVersion'
  const leaving = structuredClone(outputClaim('out'))
  leaving.metadata.deletionTimestamp = at(1)
  const last = (phase: string) => version(3, { annotations: mine, status: { phase } })

  test.each<[string, boolean, Given]>([
    ['a new claim', true, { claims: [outputClaim('out')] }],
    ['a claim for reading', false, { claims: [outputClaim('out', { [annotations.access]: 'ReadOnly' })] }],
    ["a DatasetVersion's claim", false, { claims: [foreign] }],
    ['a claim that goes', false, { claims: [leaving] }],
    [
      'a claim whose version is open',
      false,
      { claims: [outputClaim('out')], versions: [last('Running')], pods: [writer('a', 'out')] },
    ],
    [
      'a claim that outlives its commit, unused',
      false,
      { claims: [outputClaim('out')], versions: [last('Committed')] },
    ],
    [
      'mounted again',
      true,
      { claims: [outputClaim('out')], versions: [last('Committed')], pods: [writer('a', 'out')] },
    ],
    [
      'mounted again to read',
      false,
      { claims: [outputClaim('out')], versions: [last('Committed')], pods: [readOnly(writer('a', 'out'))] },
    ],
    [
      'mounted by a pod that has ended',
      false,
      {
        claims: [outputClaim('out')],
        versions: [last('Committed')],
        pods: [{ ...writer('a', 'out'), status: { phase: 'Succeeded' } }],
      },
    ],
    [
      'mounted again after a failure',
      true,
      { claims: [outputClaim('out')], versions: [last('Uncommitted')], pods: [writer('a', 'out')] },
    ],
    [
      'a source whose first import is on its way',
      false,
      { of: withSource(), claims: [outputClaim('out')], status: looked() },
    ],
    [
      'the same, but empty',
      true,
      { of: withSource(), claims: [outputClaim('out', { [annotations.version]: 'none' })], status: looked() },
    ],
    [
      'a tag that nothing has',
      false,
      { claims: [outputClaim('out', { [annotations.version]: 'prod' })], versions: [version(1)] },
    ],
    [
      'a number that is there',
      true,
      { claims: [outputClaim('out', { [annotations.version]: 'v1' })], versions: [version(1)] },
    ],
    ['a tag that can be none', false, { claims: [outputClaim('out', { [annotations.tags]: 'latest' })] }],
    ['a word that is no policy', false, { claims: [outputClaim('out', { [annotations.commit]: 'Sometimes' })] }],
  ])('%s: %s', (_, expected, given) => {
    expect(reserved(given)).toEqual(expected ? ['claim:uid-out'] : [])
  })

  test('the finalizer comes first, in a plan of its own', () => {
    expect(decide(world({ claims: [outputClaim('out')] }))).toEqual({
      patch: [
        {
          ref: { kind: kinds.Dataset, namespace, name: 'mnist', uid: 'uid-mnist' },
          ops: [
            { op: 'test', path: '/metadata/resourceVersion', value: '7' },
            { op: 'add', path: '/metadata/finalizers', value: [finalizers.dataset] },
          ],
        },
      ],
    })
  })

  test('what a claim says about its version, and what it says wrong', () => {
    const asked = { [annotations.tags]: 'a, b', [annotations.message]: 'hello', [annotations.commit]: 'Manual' }
    const opening = [{ sequence: 4, for: 'claim:uid-out', at: at(1) }]
    const given = { claims: [outputClaim('out', asked)], meta: guarded, versions: [version(3)] }
    const first = statusOf(decide(world({ ...given, status: { ...settled, nextSequence: 5, opening } }))) ?? {}
    const plan = decide(world({ ...given, status: first }))
    expect(plan.create?.[0]).toMatchObject({
      metadata: { name: 'mnist-v4', annotations: mine },
      spec: { dataset: 'mnist', tags: ['a', 'b'], message: 'hello', commit: 'Manual', base: 'v3' },
    })
    const bad = { ...given, claims: [outputClaim('out', { [annotations.tags]: 'v3' })] }
    expect(decide(world(bad)).events?.map((event) => event.message)).toEqual([
      expect.stringContaining('"v3" is no tag: v and digits is a number'),
    ])
  })
})

describe('deletion', () => {
  const meta = { deletionTimestamp: at(1), finalizers: ['other', finalizers.dataset] }
  const open = version(3, { status: { phase: 'Running' } })

  test('waits for what is being written, and says so', () => {
    const plan = decide(world({ meta, versions: [open] }))
    expect(said(plan, 'Ready')).toBe('False InUse')
    expect(statusOf(plan)?.conditions?.find((one) => one.type === 'Ready')?.message).toContain('mnist-v3')
    expect(plan.patch).toBeUndefined()
  })

  test('lets go when nothing is, from a live look', () => {
    const plan = decide(world({ meta, versions: [version(3)], claims: [outputClaim('new')] }))
    expect(plan.live).toBe(true)
    expect(plan.patch?.[0]?.ops.slice(1)).toEqual([
      { op: 'test', path: '/metadata/finalizers/1', value: finalizers.dataset },
      { op: 'remove', path: '/metadata/finalizers/1' },
    ])
  })

  test('opens nothing and looks at nothing', () => {
    const plan = decide(world({ of: withSource(), meta: { deletionTimestamp: at(1) }, claims: [outputClaim('out')] }))
    expect(statusOf(plan)?.opening).toBeUndefined()
    expect(statusOf(plan)?.lastSync).toBeUndefined()
  })
})

test("a person's version gets the next number and the time of its opening", () => {
  const theirs = version(1, { status: { sequence: undefined, phase: undefined, digest: undefined } })
  theirs.metadata = { name: 'cleaned', namespace, uid: 'uid-cleaned' }
  const given = { versions: [version(3), theirs], meta: { finalizers: [finalizers.dataset] } }
  const first = statusOf(decide(world(given))) ?? {}
  expect(first.opening).toEqual([{ sequence: 4, for: 'version:uid-cleaned', at: '2026-01-10T12:00:00Z', parent: 3 }])
  const plan = decide(world({ ...given, status: first }))
  expect(plan.status?.find(({ object }) => object.metadata.name === 'cleaned')?.status).toEqual({
    sequence: 4,
    version: 'v4',
    openedAt: '2026-01-10T12:00:00Z',
    parent: 3,
  })
})

test('nothing to do is an empty plan', () => {
  const first = statusOf(decide(world({ versions: [version(3)] }))) ?? {}
  expect(decide(world({ versions: [version(3)], status: first }))).toEqual({})
})
