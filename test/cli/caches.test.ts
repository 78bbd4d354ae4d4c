import { describe, expect, test } from 'vitest'
import { cacheSpecs, projectJob, projectPod } from '../../src/cli/caches.ts'

const pod = {
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'train', namespace: 'vision', uid: 'u', labels: { a: 'b' }, generateName: 'train-' },
  spec: {
    nodeName: 'n1',
    serviceAccountName: 'x',
    securityContext: { runAsUser: 1000, sysctls: [] },
    volumes: [
      { name: 'data', persistentVolumeClaim: { claimName: 'mnist-v1', readOnly: true } },
      { name: 'token', projected: { sources: [] } },
      { name: 'scratch', ephemeral: { volumeClaimTemplate: {} } },
    ],
    containers: [
      {
        name: 'main',
        image: 'x',
        env: [{ name: 'PASSWORD', value: 'secret' }],
        volumeMounts: [{ name: 'data', mountPath: '/data', readOnly: true }],
      },
    ],
  },
  status: {
    phase: 'Running',
    podIPs: [],
    containerStatuses: [{ name: 'main', state: { terminated: { exitCode: 0, message: '{}' } } }],
  },
}

describe('what the caches hold', () => {
  test('of pods: who, whose, which volumes, as whom, how they end', () => {
    expect(projectPod(pod)).toEqual({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'train', namespace: 'vision', uid: 'u', labels: { a: 'b' } },
      spec: {
        nodeName: 'n1',
        securityContext: { runAsUser: 1000 },
        volumes: [pod.spec.volumes[0], pod.spec.volumes[2]],
        containers: [{ name: 'main', volumeMounts: pod.spec.containers[0]?.volumeMounts }],
      },
      status: { phase: 'Running', containerStatuses: pod.status.containerStatuses },
    })
    expect(projectPod({ apiVersion: 'v1', kind: 'Pod', metadata: { name: 'bare' } })).toMatchObject({
      metadata: { name: 'bare' },
    })
  })

  test("of people's Jobs how they are doing, of ours everything", () => {
    const job = {
      apiVersion: 'batch/v1',
      kind: 'Job',
      metadata: { name: 'j' },
      spec: { backoffLimit: 2, template: { big: true } },
      status: { succeeded: 1 },
    }
    expect(projectJob(job)).toEqual({ ...job, spec: { backoffLimit: 2 } })
    const ours = { ...job, metadata: { name: 'j', labels: { 'app.kubernetes.io/managed-by': 'granary' } } }
    expect(projectJob(ours)).toEqual(ours)
  })

  test('indexes of all controllers come together; the same name for two things, or for nothing, is refused', () => {
    const owner = () => ['o']
    const specs = cacheSpecs([{ pods: { owner } }, { pods: { owner, claim: () => [] }, 'jobs.batch': { owner } }])
    const indexesOf = (plural: string) => Object.keys(specs.find(({ kind }) => kind.plural === plural)?.indexes ?? {})
    expect([indexesOf('pods'), indexesOf('jobs')]).toEqual([['owner', 'claim'], ['owner']])
    expect(() => cacheSpecs([{ pods: { owner } }, { pods: { owner: () => [] } }])).toThrow(
      'two different indexes owner of pods',
    )
    expect(() => cacheSpecs([{ nodes: { owner } }])).toThrow('nodes')
  })
})
