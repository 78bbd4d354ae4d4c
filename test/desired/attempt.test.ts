import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { exitCodeOf } from '../../src/api/move-result.ts'
import {
  type AttemptInput,
  attempt,
  needsEvents,
  parseProgress,
  retryDelay,
  staleJobs,
} from '../../src/desired/attempt.ts'
import { moverName } from '../../src/desired/labels.ts'
import type { ContainerState, JobObject, PodObject } from '../../src/desired/objects.ts'

const now = Date.parse('2026-01-01T00:01:00Z')
const ago = (seconds: number) => new Date(now - seconds * 1000).toISOString()

const job = (n: number, more: { age?: number; condition?: string; deleted?: boolean } = {}): JobObject => ({
  apiVersion: 'batch/v1',
  kind: 'Job',
  metadata: {
    name: moverName('Import', 'u1', n),
    namespace: 'ns',
    uid: `job-${n}`,
    creationTimestamp: ago(more.age ?? 1),
    ...(more.deleted ? { deletionTimestamp: ago(0) } : {}),
  },
  ...(more.condition ? { status: { conditions: [{ type: more.condition, status: 'True' }] } } : {}),
})

const suspended = (n: number, age: number): JobObject => ({ ...job(n, { age }), spec: { suspend: true } })
const letGo = (n: number, age: number, since: number): JobObject => ({
  ...job(n, { age }),
  spec: { suspend: false },
  status: { startTime: ago(since) },
})

const pod = (
  n: number,
  phase: string,
  state?: ContainerState,
  more: Partial<PodObject['status'] & object> = {},
): PodObject => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: {
    name: `p${n}`,
    namespace: 'ns',
    ownerReferences: [{ apiVersion: 'batch/v1', kind: 'Job', name: 'j', uid: `job-${n}` }],
  },
  spec: { nodeName: 'node-1' },
  status: { phase, ...(state ? { containerStatuses: [{ name: 'mover', state }] } : {}), ...more },
})

const ended = (exitCode: number, message?: unknown, reason?: string): ContainerState => ({
  terminated: {
    exitCode,
    ...(message === undefined ? {} : { message: typeof message === 'string' ? message : JSON.stringify(message) }),
    ...(reason ? { reason } : {}),
  },
})

const look = (more: Partial<AttemptInput>) => {
  const input: AttemptInput = { op: 'Import', ownerUid: 'u1', attempt: 1, jobs: [], pods: [], now, ...more }
  return attempt(input)
}

const done = { op: 'Import', outcome: 'Committed', sequence: 1 }
const refusal = (message: string) => [
  { apiVersion: 'v1', kind: 'Event', metadata: { name: 'e' }, reason: 'FailedCreate', message },
]

describe('an attempt', () => {
  const table: [string, Partial<AttemptInput>, Record<string, unknown>][] = [
    ['nothing there', {}, { state: 'create' }],
    ['too early', { attempt: 2, notBefore: now + 1500 }, { state: 'waiting', reason: 'Backoff', retryIn: 1500 }],
    ['late enough', { attempt: 2, notBefore: now }, { state: 'create' }],
    ['a pod of the last attempt is left', { attempt: 2, pods: [pod(1, 'Running')] }, { reason: 'PreviousAttempt' }],
    ['the last Job is left', { attempt: 2, jobs: [job(1)] }, { reason: 'PreviousAttempt' }],
    ['somebody deletes the Job', { jobs: [job(1, { deleted: true })] }, { reason: 'PreviousAttempt' }],
    ['a young Job without a pod', { jobs: [job(1, { age: 3 })] }, { reason: 'Starting', retryIn: 7000 }],
    ['a Job that has just been made', { jobs: [suspended(1, 1)] }, { reason: 'Starting', retryIn: 2000 }],
    ['a Job that waits for its turn', { jobs: [suspended(1, 60)] }, { state: 'waiting', reason: 'MoversLimited' }],
    ['a Job that was let go', { jobs: [letGo(1, 60, 3)] }, { reason: 'Starting', retryIn: 7000 }],
    ['an old Job without a pod, no event', { jobs: [job(1, { age: 11 })] }, { reason: 'Starting', retryIn: 10_000 }],
    [
      'a quota',
      {
        jobs: [job(1, { age: 11 })],
        events: refusal('pods "x" is forbidden: exceeded quota: small, requested: cpu=1'),
      },
      { reason: 'QuotaExceeded' },
    ],
    [
      'pod security',
      {
        jobs: [job(1, { age: 11 })],
        events: refusal('pods "x" is forbidden: violates PodSecurity "restricted:latest"'),
      },
      { reason: 'PodRefused' },
    ],
    [
      'a pod that pulls its image',
      { jobs: [job(1)], pods: [pod(1, 'Pending', { waiting: { reason: 'ImagePullBackOff' } })] },
      { reason: 'Starting' },
    ],
    ['running', { jobs: [job(1)], pods: [pod(1, 'Running')] }, { state: 'running', pod: 'p1' }],
    [
      'done, Job not yet complete',
      { jobs: [job(1)], pods: [pod(1, 'Succeeded', ended(0, done))] },
      { state: 'done', result: done },
    ],
    [
      'done',
      { jobs: [job(1, { condition: 'Complete' })], pods: [pod(1, 'Succeeded', ended(0, done))] },
      { state: 'done' },
    ],
    [
      'complete, but its pod is gone',
      { jobs: [job(1, { condition: 'Complete' })] },
      { state: 'failed', reason: 'NodeLost' },
    ],
    [
      'ended, but its pod is not seen to have ended yet',
      { jobs: [job(1, { condition: 'Failed' })], pods: [pod(1, 'Running')] },
      { state: 'waiting', reason: 'Starting', retryIn: 1_000 },
    ],
    [
      'complete, unreadable result',
      { jobs: [job(1)], pods: [pod(1, 'Succeeded', ended(0, '{"op":'))] },
      { state: 'failed', reason: 'MoverFailed' },
    ],
    [
      'failed with a sentence',
      {
        jobs: [job(1)],
        pods: [
          pod(
            1,
            'Failed',
            ended(10, { op: 'Import', outcome: 'Failed', reason: 'SourceEmpty', message: 'empty', names: ['a'] }),
          ),
        ],
      },
      { state: 'failed', reason: 'SourceEmpty', message: 'empty', names: ['a'], retryAt: now + 1000 },
    ],
    ['failed without one', { jobs: [job(1)], pods: [pod(1, 'Failed', ended(11))] }, { reason: 'SourceDrifted' }],
    [
      'killed after it wrote its result',
      { jobs: [job(1)], pods: [pod(1, 'Failed', ended(137, done))] },
      { state: 'failed', reason: 'MoverFailed' },
    ],
    [
      'out of memory',
      { jobs: [job(1)], pods: [pod(1, 'Failed', ended(137, undefined, 'OOMKilled'))] },
      { reason: 'MoverFailed' },
    ],
    [
      'evicted',
      { jobs: [job(1)], pods: [pod(1, 'Failed', undefined, { reason: 'Evicted' })] },
      { state: 'failed', reason: 'NodeLost' },
    ],
    [
      'on a lost node',
      {
        jobs: [job(1)],
        pods: [pod(1, 'Running', undefined, { conditions: [{ type: 'DisruptionTarget', status: 'True' }] })],
      },
      { state: 'waiting', reason: 'NodeLost' },
    ],
    [
      'the third failure',
      { attempt: 3, jobs: [job(3, { condition: 'Failed' })] },
      { state: 'failed', retryAt: now + 4000 },
    ],
    [
      'the ninth Scan, the first failure',
      { attempt: 9, failures: 0, jobs: [job(9, { condition: 'Failed' })] },
      { retryAt: now + 1000 },
    ],
  ]
  test.each(table)('%s', (_, more, expected) => {
    expect(look(more)).toMatchObject(expected)
  })

  test('every exit code has a reason', () => {
    for (const [reason, code] of Object.entries(exitCodeOf)) {
      const seen = look({ jobs: [job(1)], pods: [pod(1, 'Failed', ended(code))] })
      expect(seen.state === 'failed' && exitCodeOf[seen.reason as keyof typeof exitCodeOf]).toBe(
        exitCodeOf[reason as keyof typeof exitCodeOf],
      )
    }
  })

  test('a result is never taken from a pod of another attempt', () => {
    expect(look({ attempt: 2, jobs: [job(2, { age: 1 })], pods: [pod(1, 'Succeeded', ended(0, done))] }).state).toBe(
      'waiting',
    )
  })

  test('no attempt is made while anything of another one is left', () => {
    const phases = fc.constantFrom('Pending', 'Running', 'Succeeded', 'Failed', 'Unknown')
    const pods = fc.array(fc.record({ n: fc.integer({ min: 1, max: 4 }), phase: phases }), { maxLength: 3 })
    const jobs = fc.uniqueArray(fc.integer({ min: 1, max: 4 }), { maxLength: 3 })
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 4 }), jobs, pods, (n, there, left) => {
        const seen = look({
          attempt: n,
          jobs: there.map((m) => job(m)),
          pods: left.map((one) => pod(one.n, one.phase)),
        })
        if (seen.state === 'create') expect([there, left]).toEqual([[], []])
      }),
    )
  })
})

test('events are asked for only when a pod is overdue', () => {
  const base: AttemptInput = { op: 'Import', ownerUid: 'u1', attempt: 1, jobs: [job(1, { age: 11 })], pods: [], now }
  expect(needsEvents(base)?.metadata.uid).toBe('job-1')
  expect(needsEvents({ ...base, jobs: [job(1, { age: 9 })] })).toBeUndefined()
  expect(needsEvents({ ...base, pods: [pod(1, 'Pending')] })).toBeUndefined()
  expect(needsEvents({ ...base, jobs: [job(1, { age: 11, condition: 'Failed' })] })).toBeUndefined()
})

test('stale Jobs are those of earlier attempts and of other operations', () => {
  const other = { ...job(7), metadata: { ...job(7).metadata, name: moverName('Mirror', 'u1', 7), uid: 'm' } }
  const jobs = [job(1), job(2), job(3), other, job(1, { deleted: true })]
  expect(staleJobs({ op: 'Import', ownerUid: 'u1', attempt: 2, jobs }).map((ref) => ref.uid)).toEqual(['job-1', 'm'])
})

test('the pause doubles from one second to five minutes', () => {
  expect([0, 1, 2, 8, 9, 5000].map(retryDelay)).toEqual([1000, 2000, 4000, 256_000, 300_000, 300_000])
})

test('progress is read from progress lines only', () => {
  expect(parseProgress('{"progress":{"filesDone":1,"bytesDone":2,"bytesPerSecond":3}}')).toMatchObject({ filesDone: 1 })
  expect(parseProgress('{"progress":{"filesDo')).toBeUndefined()
  expect(parseProgress('{"level":30}')).toBeUndefined()
  expect(parseProgress(undefined)).toBeUndefined()
})
