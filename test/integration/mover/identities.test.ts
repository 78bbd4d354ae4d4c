import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { MoveLocation, MoveSpec } from '../../../src/api/move.ts'
import { exitCodes } from '../../../src/api/move-result.ts'
import type { DoneOf } from '../../../src/mover/deps.ts'
import { openStore } from '../../../src/stores/open.ts'
import { type CloudIdentity, startCloudIdentity } from '../../helpers/cloud-identity.ts'
import { type GcsServer, startGcsServer } from '../../helpers/gcs-server.ts'
import { type MinioServer, startMinio } from '../../helpers/minio-server.ts'
import { type MoverEnd, moverPod } from '../../helpers/mover-process.ts'
import { startTokenGate, type TokenGate } from '../../helpers/token-gate.ts'

/** The program as images have it: what it loads when it is needed is there, under the names that are asked for. */
const bundle = async (): Promise<string> => {
  const dir = await mkdtemp(join(tmpdir(), 'granary-bundle-'))
  await promisify(execFile)(process.execPath, [join(import.meta.dirname, '../../../scripts/build.ts'), dir])
  return dir
}

/** Bytes in `source` of which a mover makes a version in `store`, as whoever the environment of its pod says it is. */
describe('movers with the identity of their pod', () => {
  let cloud: CloudIdentity
  let minio: MinioServer
  let gcs: GcsServer
  let bundled: string
  let round = 0
  const ends: MoverEnd[] = []

  const bucket = (name: string, bucketName: string, prefix: string): MoveLocation => ({
    name,
    s3: { bucket: bucketName, endpoint: minio.endpoint },
    prefix,
    credentials: 'Ambient',
  })
  const importing = (more: object = {}): MoveSpec => ({
    op: 'Import',
    dataset: { namespace: 'team', name: `m${++round}`, uid: 'uid-1' },
    store: bucket('store', 'store', `granary/team/m${round}/`),
    source: bucket('source', 'source', 'data/'),
    mode: 'Copy',
    intent: { sequence: 1, createdAt: '2026-11-21T12:00:00Z' },
    ...more,
  })
  const run = async (
    spec: MoveSpec,
    environment: Record<string, string>,
    credentials: Record<string, Record<string, string>> = {},
  ): Promise<MoverEnd> => {
    const program = join(bundled, 'main.js')
    const pod = await moverPod(credentials, { AWS_EC2_METADATA_DISABLED: 'true', ...environment }, program)
    try {
      const end = await pod.run(spec)
      ends.push(end)
      return end
    } finally {
      await pod.remove()
    }
  }

  beforeAll(async () => {
    cloud = await startCloudIdentity()
    ;[minio, gcs, bundled] = await Promise.all([startMinio({ openid: cloud.openid }), startGcsServer(), bundle()])
    await minio.createBucket('source')
    await minio.createBucket('store')
    const root = await moverPod({
      source: { AWS_ACCESS_KEY_ID: minio.accessKey, AWS_SECRET_ACCESS_KEY: minio.secretKey },
    })
    const deps = { credentialsDir: `${root.data}/../credentials`, caDir: '' }
    const store = await openStore(deps, { ...bucket('source', 'source', ''), credentials: 'Files' })
    for (const name of 'abc') await store.put(`data/${name}`, Buffer.from(name))
    await store.close()
    await root.remove()
  })
  afterAll(async () => {
    await Promise.all([minio?.stop(), gcs?.stop()])
    await cloud?.stop()
    if (bundled) await rm(bundled, { recursive: true, force: true })
  })

  test('web identity (IRSA): the token of the pod becomes session credentials', async () => {
    const end = await run(importing(), cloud.webIdentity(minio.endpoint))
    expect(end.result, end.output).toMatchObject({ outcome: 'Committed', files: 3 })
  })

  test('pod identity', async () => {
    const end = await run(importing(), cloud.podIdentity(minio.endpoint))
    expect(end.result, end.output).toMatchObject({ outcome: 'Committed', files: 3 })
  })

  test('instance profile, by the second version of its protocol', async () => {
    const end = await run(importing(), cloud.instanceProfile(minio.endpoint))
    expect(end.result, end.output).toMatchObject({ outcome: 'Committed', files: 3 })
    expect(cloud.log).toContain('PUT /latest/api/token')
  })

  test('credentials that end, and some that the store refuses, are replaced while the move goes on; an agent that is away for a moment is waited for', async () => {
    for (const kinds of [
      ['brief', 'brief', 'good'],
      ['wrong', 'good'],
      ['down', 'down', 'down', 'down', 'down', 'good'],
    ] as const) {
      cloud.next.push(...kinds)
      const end = await run(importing(), cloud.podIdentity(minio.endpoint))
      expect(end.result, end.output).toMatchObject({ outcome: 'Committed', files: 3 })
      expect(cloud.next.splice(0), kinds.join()).toEqual([])
    }
  })

  test('what is in a Secret counts alone, whatever the pod is', async () => {
    const environment = {
      ...cloud.webIdentity(minio.endpoint),
      AWS_ACCESS_KEY_ID: 'nobody',
      AWS_SECRET_ACCESS_KEY: 'nothing-at-all',
    }
    const keys = { AWS_ACCESS_KEY_ID: minio.accessKey, AWS_SECRET_ACCESS_KEY: minio.secretKey }
    const spec = importing()
    if (spec.op !== 'Import') throw new Error('unreachable')
    const files = {
      store: { ...spec.store, credentials: 'Files' as const },
      source: { ...spec.source, credentials: 'Files' as const },
    }
    const end = await run({ ...spec, ...files }, environment, { store: keys, source: keys })
    expect(end.result, end.output).toMatchObject({ outcome: 'Committed' })
    const wrong = { ...keys, AWS_SECRET_ACCESS_KEY: 'not-the-right-one' }
    const refused = await run({ ...spec, ...files }, cloud.webIdentity(minio.endpoint), { store: wrong, source: keys })
    expect(refused).toMatchObject({ code: exitCodes.credentials, result: { reason: 'CredentialsDenied' } })
  })

  test('environment, web identity, pod identity, instance profile: who comes first is asked alone', async () => {
    const instance = cloud.instanceProfile(minio.endpoint)
    const pod = { ...instance, ...cloud.podIdentity(minio.endpoint) }
    cloud.log.splice(0)
    const agent = await run(importing(), pod)
    expect(agent.result, agent.output).toMatchObject({ outcome: 'Committed' })
    expect(cloud.log.filter((line) => line.includes('pod-identity'))).not.toEqual([])
    expect(cloud.log.filter((line) => line.includes('/latest/'))).toEqual([])
    cloud.log.splice(0)
    const web = await run(importing(), { ...pod, ...cloud.webIdentity(minio.endpoint) })
    expect(web.result, web.output).toMatchObject({ outcome: 'Committed' })
    const keys = { AWS_ACCESS_KEY_ID: minio.accessKey, AWS_SECRET_ACCESS_KEY: minio.secretKey }
    const own = await run(importing(), { ...pod, ...cloud.webIdentity('http://127.0.0.1:1'), ...keys })
    expect(own.result, own.output).toMatchObject({ outcome: 'Committed' })
    expect(cloud.log.filter((line) => /pod-identity|latest/.test(line))).toEqual([])
  })

  test('a token that nobody trusts is a refusal, and no reason to be somebody else', async () => {
    const file = `${cloud.tokenFile}-wrong`
    await writeFile(file, `${(await readFile(cloud.tokenFile, 'utf8')).slice(0, -8)}AAAAAAAA`)
    const environment = { ...cloud.podIdentity(minio.endpoint), ...cloud.webIdentity(minio.endpoint) }
    const end = await run(importing(), { ...environment, AWS_WEB_IDENTITY_TOKEN_FILE: file })
    expect(end).toMatchObject({ code: exitCodes.credentials, result: { reason: 'CredentialsDenied' } })
  })

  describe('on Google Cloud', () => {
    let gate: TokenGate
    const seen: string[] = []
    const refused = new Set<string>()

    /** The fake looks at no credentials: this does, and passes on what has a token that it knows. */
    beforeAll(async () => {
      gate = await startTokenGate(gcs.endpoint, 'gcs', (token) => {
        seen.push(token)
        return cloud.secrets.includes(token) && !refused.has(token)
      })
      for (const name of ['source', 'store']) await gcs.createBucket(name)
      const deps = { credentialsDir: '', caDir: '' }
      const place = { name: 'x', gcs: { bucket: 'source', endpoint: gcs.endpoint }, credentials: 'Anonymous' as const }
      const store = await openStore(deps, place)
      for (const name of 'abc') await store.put(`data/${name}`, Buffer.from(name))
      await store.close()
    })
    afterAll(() => gate?.stop())
    const onGoogle = () => {
      const at = (name: string, prefix: string) => ({
        name,
        gcs: { bucket: name, endpoint: gate.endpoint },
        prefix,
        credentials: 'Ambient' as const,
      })
      return importing({ source: at('source', 'data/'), store: at('store', `granary/team/m${round + 1}/`) })
    }

    test('workload identity: tokens come from the metadata server, and a refused or short-lived one is replaced', async () => {
      const end = await run(onGoogle(), cloud.metadata())
      expect(end.result, end.output).toMatchObject({ outcome: 'Committed', files: 3 } satisfies Partial<
        DoneOf<'Import'>
      >)
      cloud.next.push('brief')
      const brief = await run(onGoogle(), cloud.metadata())
      expect(brief.result, brief.output).toMatchObject({ outcome: 'Committed', files: 3 })
      refused.add(`ya29.wrong-${cloud.secrets.length}-token-of-google`)
      cloud.next.push('wrong')
      const replaced = await run(onGoogle(), cloud.metadata())
      expect(replaced.result, replaced.output).toMatchObject({ outcome: 'Committed', files: 3 })
      expect(seen.filter((token) => refused.has(token)).length).toBeGreaterThan(0)
    })

    test('workload identity federation: a file says where the token of the pod is exchanged for one of Google', async () => {
      const spec = onGoogle()
      if (spec.op !== 'Import') throw new Error('unreachable')
      const files = {
        store: { ...spec.store, credentials: 'Files' as const },
        source: { ...spec.source, credentials: 'Files' as const },
      }
      const key = { 'service-account.json': cloud.federation() }
      cloud.log.splice(0)
      cloud.next.push('brief', 'brief')
      const end = await run({ ...spec, ...files }, {}, { store: key, source: key })
      expect(end.result, end.output).toMatchObject({ outcome: 'Committed', files: 3 })
      expect(cloud.log.filter((line) => line === 'POST /sts/v1/token').length).toBeGreaterThan(2)
      // Named by the environment, as webhooks of other clusters do it.
      const file = `${cloud.tokenFile}-federation.json`
      await writeFile(file, cloud.federation())
      const named = await run(onGoogle(), { GOOGLE_APPLICATION_CREDENTIALS: file })
      expect(named.result, named.output).toMatchObject({ outcome: 'Committed', files: 3 })
    })
  })

  test('nothing of what was issued was printed by any of them, and no warning of Node.js', () => {
    expect(ends.length).toBeGreaterThan(11)
    expect(cloud.secrets.length).toBeGreaterThan(11)
    for (const { output } of ends) expect(output).not.toContain('DeprecationWarning')
    for (const { output, text } of ends)
      for (const secret of [...cloud.secrets, minio.secretKey, 'not-the-right-one'])
        expect(output + text).not.toContain(secret)
  })
})
