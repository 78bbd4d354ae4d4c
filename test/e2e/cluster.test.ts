import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { clusterEnvironment } from '../../scripts/cluster/environment.ts'
import { until } from '../helpers/child.ts'
import { type AnyObject, applyObjects, createNamespace, getObject, kubectl } from '../helpers/kubectl.ts'

const claim = (name: string, spec: AnyObject = {}) => ({
  apiVersion: 'v1',
  kind: 'PersistentVolumeClaim',
  metadata: { name },
  spec: {
    storageClassName: 'fast',
    accessModes: ['ReadWriteOnce'],
    resources: { requests: { storage: '16Mi' } },
    ...spec,
  },
})

const pod = (name: string, script: string, volume?: { claim: string; readOnly?: boolean }) => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name },
  spec: {
    restartPolicy: 'Never',
    terminationGracePeriodSeconds: 0,
    securityContext: { runAsNonRoot: true, fsGroup: 65532, seccompProfile: { type: 'RuntimeDefault' } },
    containers: [
      {
        name: 'main',
        image: 'granary:dev',
        command: ['/bin/sh', '-c', script],
        securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } },
        volumeMounts: volume ? [{ name: 'data', mountPath: '/data' }] : [],
      },
    ],
    volumes: volume
      ? [{ name: 'data', persistentVolumeClaim: { claimName: volume.claim, readOnly: volume.readOnly ?? false } }]
      : [],
  },
})

describe('the cluster of the end-to-end tests', () => {
  let namespace: Awaited<ReturnType<typeof createNamespace>>

  beforeAll(async () => {
    const restricted = { 'pod-security.kubernetes.io/enforce': 'restricted' }
    namespace = await createNamespace('cluster', restricted)
  })

  afterAll(() => namespace?.remove())

  /** Runs a pod to its end; returns its phase and what it printed. */
  const runPod = async (...args: Parameters<typeof pod>) => {
    const [name] = args
    await applyObjects(namespace.name, pod(...args))
    let phase = ''
    const ended = async () => {
      phase = (await getObject(namespace.name, 'pod', name))?.status.phase
      return phase === 'Succeeded' || phase === 'Failed'
    }
    await until(`pod ${name} to end`, ended, 120)
    return { phase, log: await kubectl(['logs', name, '--namespace', namespace.name]) }
  }

  test('a volume keeps what a pod wrote, and a read-only mount refuses writes', async () => {
    await applyObjects(namespace.name, claim('data'))
    expect(await runPod('writer', 'echo hello > /data/file && sync', { claim: 'data' })).toMatchObject({
      phase: 'Succeeded',
    })
    const script = 'cat /data/file; touch /data/other 2>&1; true'
    const { log } = await runPod('reader', script, { claim: 'data', readOnly: true })
    expect(log).toBe('hello\ntouch: /data/other: Read-only file system\n')
  })

  test('a volume has the size that was asked for', async () => {
    await applyObjects(namespace.name, claim('small', { resources: { requests: { storage: '4Mi' } } }))
    const { log } = await runPod('filler', 'dd if=/dev/zero of=/data/big bs=1M count=5 2>&1; true', { claim: 'small' })
    expect(log).toContain('No space left on device')
  })

  test('a snapshot becomes ready and can be restored, a claim can be cloned', async () => {
    await applyObjects(namespace.name, claim('original'))
    await runPod('original-writer', 'echo first > /data/file && sync', { claim: 'original' })
    await applyObjects(namespace.name, {
      apiVersion: 'snapshot.storage.k8s.io/v1',
      kind: 'VolumeSnapshot',
      metadata: { name: 'snapshot' },
      spec: { volumeSnapshotClassName: 'fast-snap', source: { persistentVolumeClaimName: 'original' } },
    })
    const ready = async () =>
      (await getObject(namespace.name, 'volumesnapshot', 'snapshot'))?.status?.readyToUse === true
    await until('the snapshot to be ready', ready, 120)
    await runPod('original-changer', 'echo second > /data/file && sync', { claim: 'original' })

    const snapshot = { apiGroup: 'snapshot.storage.k8s.io', kind: 'VolumeSnapshot', name: 'snapshot' }
    await applyObjects(namespace.name, claim('restored', { dataSourceRef: snapshot }))
    expect((await runPod('restored-reader', 'cat /data/file', { claim: 'restored' })).log).toBe('first\n')

    const original = { kind: 'PersistentVolumeClaim', name: 'original' }
    const larger = { requests: { storage: '32Mi' } }
    await applyObjects(namespace.name, claim('cloned', { dataSourceRef: original, resources: larger }))
    expect((await runPod('cloned-reader', 'cat /data/file', { claim: 'cloned' })).log).toBe('second\n')
  })

  test('a class with immediate binding makes the volume before any pod', async () => {
    await applyObjects(namespace.name, claim('early', { storageClassName: 'immediate' }))
    const bound = async () => (await getObject(namespace.name, 'pvc', 'early'))?.status.phase === 'Bound'
    await until('the claim to be bound', bound, 60)
  })

  test('a claim that another populator has to fill gets no volume from the driver', async () => {
    const dataSourceRef = { apiGroup: 'granary.dev', kind: 'Dataset', name: 'nobody' }
    await applyObjects(namespace.name, claim('foreign', { storageClassName: 'immediate', dataSourceRef }))
    // A claim that was made later and is bound shows that the driver has looked at this one, too.
    await applyObjects(namespace.name, claim('later', { storageClassName: 'immediate' }))
    const bound = async () => (await getObject(namespace.name, 'pvc', 'later'))?.status.phase === 'Bound'
    await until('the later claim to be bound', bound, 60)
    expect((await getObject(namespace.name, 'pvc', 'foreign'))?.status.phase).toBe('Pending')
  })

  test('deleting a claim destroys its volume', async () => {
    await applyObjects(namespace.name, claim('doomed', { storageClassName: 'immediate' }))
    const bound = async () => (await getObject(namespace.name, 'pvc', 'doomed'))?.status.phase === 'Bound'
    await until('the claim to be bound', bound, 60)
    const volume = (await getObject(namespace.name, 'pvc', 'doomed'))?.spec.volumeName
    await kubectl(['delete', 'pvc', 'doomed', '--namespace', namespace.name])
    await until('the volume to go', async () => (await getObject('', 'pv', volume)) === undefined, 60)
  })

  test('a volume that was handed to another claim stays with it', async () => {
    await applyObjects(namespace.name, claim('first', { storageClassName: 'immediate' }))
    const bound = (name: string) => async () =>
      (await getObject(namespace.name, 'pvc', name))?.status?.phase === 'Bound'
    await until('the first claim to be bound', bound('first'), 60)
    const volume = (await getObject(namespace.name, 'pvc', 'first'))?.spec.volumeName
    await applyObjects(namespace.name, claim('second', { storageClassName: 'immediate', volumeName: volume }))
    const uid = (await getObject(namespace.name, 'pvc', 'second'))?.metadata.uid
    const claimRef = { kind: 'PersistentVolumeClaim', namespace: namespace.name, name: 'second', uid }
    await kubectl(['patch', 'pv', volume, '--type=merge', '-p', JSON.stringify({ spec: { claimRef } })])
    await until('the second claim to be bound', bound('second'), 120)
    const lost = async () => (await getObject(namespace.name, 'pvc', 'first'))?.status.phase === 'Lost'
    await until('the first claim to be lost', lost, 120)
    await kubectl(['delete', 'pvc', 'first', '--namespace', namespace.name])
    // Made and destroyed after it: by then the driver has had this volume before its eyes, too.
    await applyObjects(namespace.name, claim('third', { storageClassName: 'immediate' }))
    await until('the third claim to be bound', bound('third'), 60)
    const third = (await getObject(namespace.name, 'pvc', 'third'))?.spec.volumeName
    await kubectl(['delete', 'pvc', 'third', '--namespace', namespace.name])
    await until('the third volume to go', async () => (await getObject('', 'pv', third)) === undefined, 60)
    expect((await getObject('', 'pv', volume))?.status.phase).toBe('Bound')
    expect((await runPod('second-writer', 'echo here > /data/file', { claim: 'second' })).phase).toBe('Succeeded')
  })

  test('a pod reaches the S3 server', async () => {
    const { AWS_ENDPOINT_URL_S3: endpoint } = clusterEnvironment()
    const script = `node -e 'fetch("${endpoint}").then((answer) => console.log(answer.status))'`
    expect(await runPod('s3-caller', script)).toEqual({ phase: 'Succeeded', log: '403\n' })
  })

  test('a pod reaches the API server by its service', async () => {
    // The service account's token may not read much, but its answer proves who answered.
    const script = `node --input-type=module -e '
      import { readFileSync } from "node:fs"
      import { get } from "node:https"
      const account = "/var/run/secrets/kubernetes.io/serviceaccount"
      const options = { ca: readFileSync(account + "/ca.crt"), timeout: 20000 }
      get("https://10.96.0.1:443/version", options, async (answer) => {
        console.log(JSON.parse(Buffer.concat(await answer.toArray()).toString()).gitVersion)
      })'`
    expect(await runPod('caller', script)).toEqual({ phase: 'Succeeded', log: expect.stringMatching(/^v1\./) })
  })
})
