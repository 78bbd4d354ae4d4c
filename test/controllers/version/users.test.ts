import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { KubeObject } from '../../../src/api/meta.ts'
import { isWriter } from '../../../src/controllers/version/pods.ts'
import { activeWriters, endedWell, isReleased, type User, usersOf } from '../../../src/controllers/version/users.ts'
import type { PodObject } from '../../../src/desired/objects.ts'
import { job, pod } from './scene.ts'

const uid = <T extends KubeObject>(object: T, more: Partial<KubeObject['metadata']> = {}): T => ({
  ...object,
  metadata: { uid: `uid-${object.metadata.name}`, ...object.metadata, ...more },
})
const owner = (apiVersion: string, kind: string, name: string, rest: object = {}): KubeObject =>
  ({ apiVersion, kind, metadata: { name, uid: `uid-${name}` }, ...rest }) as KubeObject

const look = (pods: PodObject[], owners: KubeObject[] = [], before: User[] = []) => {
  const users = usersOf({ claim: 'out', before, pods, owners })
  const released = isReleased(users, activeWriters({ claim: 'out', pods }))
  return { users, released, well: released && users.every(endedWell) }
}
const said = (pods: PodObject[], owners: KubeObject[] = [], before: User[] = []) => {
  const { users, released, well } = look(pods, owners, before)
  return [users.map((user) => `${user.kind} ${user.outcome}`).join(', '), released ? (well ? 'well' : 'badly') : 'held']
}
const noted = (kind: string, name: string, outcome: User['outcome']): User[] => [
  { kind, name, uid: `uid-${name}`, outcome },
]

const stopped = (phase: string, exitCode: number, finishedAt: string, grace = 30): PodObject => {
  const one = uid(pod('p', phase, { exitCode }), {
    deletionTimestamp: '2026-01-01T00:01:00Z',
    ...({ deletionGracePeriodSeconds: grace } as object),
  })
  const [status] = one.status?.containerStatuses ?? []
  return {
    ...one,
    status: { phase, containerStatuses: [{ ...status!, state: { terminated: { exitCode, finishedAt } } }] },
  }
}
const disrupted = (phase: string): PodObject => {
  const one = uid(pod('p', phase))
  return { ...one, status: { ...one.status, conditions: [{ type: 'DisruptionTarget', status: 'True' }] } }
}

describe('bare pods', () => {
  const table: [string, PodObject[], User[], string, string][] = [
    ['nobody came', [], [], '', 'held'],
    ['it is pending', [uid(pod('p', 'Pending'))], [], '', 'held'],
    ['it runs', [uid(pod('p', 'Running'))], [], 'Pod Running', 'held'],
    ['it succeeded', [uid(pod('p', 'Succeeded'))], [], 'Pod Succeeded', 'well'],
    ['it failed', [uid(pod('p', 'Failed'))], [], 'Pod Failed', 'badly'],
    ['it is being stopped', [{ ...stopped('Running', 0, '') }], [], 'Pod Deleted', 'held'],
    ['it was stopped by its deletion', [stopped('Failed', 137, '2026-01-01T00:00:31Z')], [], 'Pod Deleted', 'well'],
    ['it was stopped and its container is lost', [stopped('Failed', 137, '')], [], 'Pod Deleted', 'well'],
    ['it failed before its deletion', [stopped('Failed', 1, '2026-01-01T00:00:29Z')], [], 'Pod Failed', 'badly'],
    [
      'it was stopped and is being removed',
      [stopped('Failed', 137, '2026-01-01T00:00:59Z', 0)],
      [],
      'Pod Deleted',
      'well',
    ],
    [
      'it was seen to fail and is being removed',
      [stopped('Failed', 1, '2026-01-01T00:00:29Z', 0)],
      noted('Pod', 'p', 'Failed'),
      'Pod Failed',
      'badly',
    ],
    ['it was seen going', [], noted('Pod', 'p', 'Deleted'), 'Pod Deleted', 'well'],
    ['nobody saw its end', [], noted('Pod', 'p', 'Running'), 'Pod Unknown', 'badly'],
    ['it was evicted', [disrupted('Failed')], [], 'Pod Failed', 'badly'],
    ['it was evicted when it was done', [disrupted('Succeeded')], [], 'Pod Succeeded', 'well'],
    [
      'one of two runs',
      [uid(pod('p', 'Succeeded')), uid(pod('q', 'Running'))],
      [],
      'Pod Succeeded, Pod Running',
      'held',
    ],
    ['another one waits', [uid(pod('p', 'Succeeded')), uid(pod('q', 'Pending'))], [], 'Pod Succeeded', 'held'],
    [
      'a reader runs',
      [uid(pod('p', 'Succeeded')), uid(pod('q', 'Running', { readOnly: true }))],
      [],
      'Pod Succeeded',
      'well',
    ],
    ['only a reader came', [uid(pod('q', 'Succeeded', { readOnly: true }))], [], '', 'held'],
    [
      'it was refused by its node',
      [{ ...uid(pod('p', 'Failed')), status: { phase: 'Failed', reason: 'OutOfcpu' } }],
      [],
      '',
      'held',
    ],
  ]
  test.each(table)('%s', (_, pods, users, expected, end) => {
    expect(
      said(
        pods.map((one) => ({ ...one })),
        [],
        users,
      ),
    ).toEqual([expected.replace(/^Pod Deleted$/, 'Pod Deleted'), end])
  })
})

describe('pods that something starts again', () => {
  const train = job('train')
  const done = job('train', 'Complete')
  const gaveUp = job('train', 'Failed')
  const leaving = { ...train, metadata: { ...train.metadata, deletionTimestamp: '2026-01-01T00:00:00Z' } }
  const of = (phase: string, by: KubeObject = train) => uid(pod('p', phase, { owner: by }))
  const run = owner('tekton.dev/v1', 'TaskRun', 'run')
  const ended = (status: string) => ({ ...run, status: { conditions: [{ type: 'Succeeded', status }] } }) as KubeObject
  const set = (replicas: number) => owner('apps/v1', 'StatefulSet', 'set', { spec: { replicas } })
  const deployment = (replicas: number) => owner('apps/v1', 'Deployment', 'web', { spec: { replicas } })
  const replicaSet = {
    ...owner('apps/v1', 'ReplicaSet', 'web-1', { spec: { replicas: 0 } }),
    metadata: {
      name: 'web-1',
      uid: 'uid-web-1',
      ownerReferences: [{ apiVersion: 'apps/v1', kind: 'Deployment', name: 'web', uid: 'uid-web', controller: true }],
    },
  } as KubeObject
  const old = noted('Job', 'train', 'Running')

  const table: [string, PodObject[], KubeObject[], User[], string, string][] = [
    ['a Job whose pod failed retries', [of('Failed')], [train], [], 'Job Running', 'held'],
    ['a Job whose pod was drained retries', [], [train], old, 'Job Running', 'held'],
    ['a Job whose pod succeeded may need more of them', [of('Succeeded')], [train], [], 'Job Running', 'held'],
    ['a Job that is complete', [of('Succeeded')], [done], [], 'Job Succeeded', 'well'],
    ['a Job that is complete, a pod of it is still there', [of('Running')], [done], [], 'Job Succeeded', 'held'],
    ['a Job that is complete and gone', [], [], noted('Job', 'train', 'Succeeded'), 'Job Succeeded', 'well'],
    ['a Job that gave up', [of('Failed')], [gaveUp], [], 'Job Failed', 'badly'],
    ['a Job that is being deleted, its pod runs', [of('Running')], [leaving], [], 'Job Deleted', 'held'],
    ['a Job that was deleted while it ran', [], [], old, 'Job Deleted', 'badly'],
    ['a Job that nobody ever saw', [of('Succeeded')], [], [], 'Job Unknown', 'badly'],
    ['a TaskRun under way', [of('Failed', run)], [ended('Unknown')], [], 'TaskRun Running', 'held'],
    ['a TaskRun that succeeded', [of('Succeeded', run)], [ended('True')], [], 'TaskRun Succeeded', 'well'],
    ['a TaskRun that failed', [of('Failed', run)], [ended('False')], [], 'TaskRun Failed', 'badly'],
    [
      'a StatefulSet between two pods',
      [],
      [set(1)],
      noted('StatefulSet', 'set', 'Running'),
      'StatefulSet Running',
      'held',
    ],
    [
      'a StatefulSet that was scaled to 0',
      [],
      [set(0)],
      noted('StatefulSet', 'set', 'Running'),
      'StatefulSet Succeeded',
      'well',
    ],
    ['a StatefulSet that was deleted', [], [], noted('StatefulSet', 'set', 'Running'), 'StatefulSet Deleted', 'well'],
    [
      'a Deployment that rolls out',
      [of('Failed', replicaSet)],
      [replicaSet, deployment(1)],
      [],
      'Deployment Running',
      'held',
    ],
    [
      'a Deployment that was scaled to 0',
      [],
      [deployment(0)],
      noted('Deployment', 'web', 'Running'),
      'Deployment Succeeded',
      'well',
    ],
    [
      'a Deployment whose last pods were failing',
      [],
      [deployment(0)],
      noted('Deployment', 'web', 'Failed'),
      'Deployment Failed',
      'badly',
    ],
  ]
  test.each(table)('%s', (_, pods, owners, users, expected, end) => {
    expect(said(pods, owners, users)).toEqual([expected, end])
  })
})

describe('steps of an Argo Workflow', () => {
  const flow = (phase: string | undefined, nodes?: Record<string, object>) =>
    owner('argoproj.io/v1alpha1', 'Workflow', 'flow', { status: { phase, ...(nodes ? { nodes } : {}) } })
  const step = (id: string, phase: string) =>
    uid(pod('flow-a', phase, { owner: flow('Running') }), { annotations: { 'workflows.argoproj.io/node-id': id } })
  const node = (id: string, phase: string, more: object = {}) => ({ [id]: { id, phase, ...more } })

  const table: [string, PodObject[], KubeObject, string, string][] = [
    [
      'a step ended, the next ones run',
      [step('flow-1', 'Succeeded')],
      flow('Running', node('flow-1', 'Succeeded')),
      'Workflow Succeeded',
      'well',
    ],
    [
      'a step that is retried',
      [step('flow-1', 'Failed')],
      flow('Running', {
        ...node('flow-1', 'Failed'),
        ...node('flow-0', 'Running', { type: 'Retry', children: ['flow-1'] }),
      }),
      'Workflow Running',
      'held',
    ],
    [
      'a step that was retried to the end',
      [step('flow-1', 'Failed')],
      flow('Running', {
        ...node('flow-1', 'Failed'),
        ...node('flow-0', 'Failed', { type: 'Retry', children: ['flow-1'] }),
      }),
      'Workflow Failed',
      'badly',
    ],
    [
      'a workflow of one step',
      [step('flow', 'Succeeded')],
      flow('Succeeded', node('flow', 'Succeeded')),
      'Workflow Succeeded',
      'well',
    ],
    [
      'its steps are kept elsewhere, it runs',
      [step('flow-1', 'Succeeded')],
      flow('Running'),
      'Workflow Running',
      'held',
    ],
    [
      'its steps are kept elsewhere, it ended',
      [step('flow-1', 'Succeeded')],
      flow('Succeeded'),
      'Workflow Succeeded',
      'well',
    ],
    [
      'it was stopped',
      [step('flow-1', 'Failed')],
      flow('Failed', node('flow-1', 'Running')),
      'Workflow Failed',
      'badly',
    ],
  ]
  test.each(table)('%s', (_, pods, workflow, expected, end) => {
    expect(said(pods, [workflow])).toEqual([expected, end])
  })
})

test('what Tekton keeps beside a PipelineRun is no writer, nor is a pod that mounts the claim nowhere', () => {
  const assistant = { 'app.kubernetes.io/component': 'affinity-assistant' }
  expect(isWriter(pod('assistant', 'Running', { labels: assistant }), 'out')).toBe(false)
  const idle = pod('idle', 'Running')
  expect(isWriter({ ...idle, spec: { ...idle.spec, containers: [{ name: 'main' }] } }, 'out')).toBe(false)
  const ephemeral = pod('e', 'Running')
  expect(
    isWriter({ ...ephemeral, spec: { ...ephemeral.spec, volumes: [{ name: 'out', ephemeral: {} }] } }, 'e-out'),
  ).toBe(true)
})

/** A Job and its pods, as they can really follow on one another. */
class History {
  pods: PodObject[] = []
  condition: 'Complete' | 'Failed' | undefined
  #n = 0

  get job() {
    return job('train', this.condition)
  }

  get running() {
    return this.pods.filter((one) => one.status?.phase === 'Pending' || one.status?.phase === 'Running')
  }

  /** Whether a pod of it writes, or one may yet. */
  get mayWrite() {
    return this.condition === undefined || this.running.length > 0
  }

  act(what: string) {
    const [first] = this.running
    if (what === 'start' && this.condition === undefined && first === undefined)
      this.pods.push(uid(pod(`p${++this.#n}`, 'Pending', { owner: this.job })))
    if (what === 'run' && first) this.#to(first, 'Running')
    if (what === 'fail' && first?.status?.phase === 'Running') this.#to(first, 'Failed')
    if (what === 'succeed' && first?.status?.phase === 'Running') this.#to(first, 'Succeeded')
    if (what === 'drain' && first) this.pods = this.pods.filter((one) => one !== first)
    if (what === 'collect') this.pods = this.pods.filter((one) => this.running.includes(one))
    if (what === 'giveUp' && !first && this.pods.length > 0) this.condition ??= 'Failed'
    const succeeded = this.pods.some((one) => one.status?.phase === 'Succeeded')
    if (what === 'complete' && !first && succeeded) this.condition ??= 'Complete'
  }

  #to(one: PodObject, phase: string) {
    this.pods = this.pods.map((each) =>
      each === one ? { ...uid(pod(one.metadata.name, phase, { owner: this.job })) } : each,
    )
  }
}

test('never released while a writer may come back, and well only after success', () => {
  const acts = ['start', 'run', 'fail', 'succeed', 'drain', 'collect', 'giveUp', 'complete', 'look', 'look']
  fc.assert(
    fc.property(fc.array(fc.constantFrom(...acts), { maxLength: 60 }), (history) => {
      const job = new History()
      let users: User[] = []
      for (const what of [...history, 'look']) {
        if (what !== 'look') {
          job.act(what)
          continue
        }
        const seen = look(job.pods, [job.job], users)
        users = seen.users
        if (seen.released) expect(job.mayWrite).toBe(false)
        if (seen.well) expect(job.condition).toBe('Complete')
        if (!job.mayWrite && users.length > 0) expect(seen.released).toBe(true)
      }
    }),
    { numRuns: 500 },
  )
})
