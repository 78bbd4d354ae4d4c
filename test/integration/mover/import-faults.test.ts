import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { Entry } from '../../../src/manifest/types.ts'
import type { SpecOf } from '../../../src/mover/deps.ts'
import { failureOf, MoveFailure } from '../../../src/mover/failure.ts'
import { runImport } from '../../../src/mover/import.ts'
import { runScan } from '../../../src/mover/scan.ts'
import type { ObjectStore } from '../../../src/stores/object-store.ts'
import { readVersion } from '../../../src/transfer/read-version.ts'
import type { Match, Rule } from '../../helpers/faults.ts'
import { type FaultyProxy, startFaultyProxy } from '../../helpers/faulty-proxy.ts'
import { listAll, type Moving, pattern, readAll, startMoving } from '../../helpers/move.ts'
import { planted } from '../../helpers/planted-listing.ts'
import { type S3Server, startS3Server } from '../../helpers/s3-server.ts'

const MiB = 1024 * 1024

describe('importing through a faulty proxy', () => {
  let server: S3Server
  let proxy: FaultyProxy
  let moving: Moving
  let direct: Record<'store' | 'plain' | 'versioned', ObjectStore>
  let round = 0
  let at: string

  beforeAll(async () => {
    server = await startS3Server()
    proxy = await startFaultyProxy(server.endpoint)
    moving = await startMoving(server)
    for (const bucket of ['store', 'plain']) await server.createBucket(bucket)
    await server.createBucket('versioned', { versioned: true })
    const open = (bucket: string) => moving.open(moving.location(bucket))
    direct = { store: await open('store'), plain: await open('plain'), versioned: await open('versioned') }
  })
  beforeEach(() => {
    at = `t${++round}/`
    proxy.plan()
  })
  afterAll(async () => {
    await moving?.stop()
    await proxy?.stop()
    await server?.stop()
  })

  const spec = (bucket: string, more: Partial<SpecOf<'Import'>> = {}): SpecOf<'Import'> => ({
    op: 'Import',
    dataset: { namespace: 'ns', name: 'set', uid: 'uid-1' },
    store: moving.location('store', `granary/${at}set/`, proxy.endpoint),
    source: moving.location(bucket, at, proxy.endpoint),
    mode: 'Auto',
    intent: { sequence: 1, createdAt: '2026-01-01T00:00:01Z' },
    ...more,
  })
  const run = (it: SpecOf<'Import'>) => runImport(moving.deps(), it)
  /** How it ends: the reason of the failure, or the outcome. */
  const ends = async (it: SpecOf<'Import'>) => {
    try {
      return (await run(it)).outcome
    } catch (error) {
      return failureOf(error).reason
    }
  }
  const fill = async (bucket: 'plain' | 'versioned', files: Record<string, string | Buffer>) => {
    for (const [path, bytes] of Object.entries(files)) await direct[bucket].put(`${at}${path}`, Buffer.from(bytes))
  }
  const stored = async () => {
    const keys = (await listAll(direct.store.list(`granary/${at}`))).map(({ key }) => key)
    // What was seen of the source is no part of a version.
    return keys.map((key) => key.slice(`granary/${at}set/`.length)).filter((key) => !key.startsWith('sources/'))
  }
  const committed = async () => (await stored()).some((key) => key.startsWith('versions/'))
  const meanwhile = (key: RegExp, run: () => Promise<unknown>): Rule => ({
    match: { method: 'GET', key, nth: 1 },
    fault: { kind: 'before', run },
  })

  test('an object that is changed between list and get is named, and nothing is committed', async () => {
    await fill('plain', { a: 'one', b: 'two' })
    proxy.plan(meanwhile(/\/b$/, () => fill('plain', { b: 'six' })))
    const failure = await run(spec('plain')).catch((error) => error)
    expect(failure).toBeInstanceOf(MoveFailure)
    expect(failure).toMatchObject({ reason: 'SourceDrifted', names: [`${at}b`] })
    expect(await committed()).toBe(false)
    expect(await ends(spec('plain'))).toBe('Committed')
  })

  test('an object that is deleted between list and get is named', async () => {
    await fill('plain', { a: 'one', b: 'two' })
    proxy.plan(meanwhile(/\/b$/, () => direct.plain.remove([`${at}b`])))
    expect(await run(spec('plain')).catch((error) => error)).toMatchObject({
      reason: 'SourceDrifted',
      names: [`${at}b`],
    })
  })

  test('a versioned source may change meanwhile: what was listed is read', async () => {
    await fill('versioned', { a: 'one', b: 'two' })
    proxy.plan(meanwhile(/\/b$/, () => fill('versioned', { b: 'later' })))
    const done = await run(spec('versioned'))
    const entries: Entry[] = []
    for await (const entry of readVersion(direct.store, `granary/${at}set/`, done.root)) entries.push(entry)
    const { u } = entries[1]!
    expect((await readAll(direct.versioned, u!.k, { version: u!.v! })).toString()).toBe('two')
  })

  test('versions that may not be read are not referred to', async () => {
    await fill('versioned', { a: 'one' })
    const denied = { kind: 'status' as const, status: 403 }
    proxy.plan({ match: { query: /(^|&)versions(=|&|$)/ }, fault: denied })
    const listed = await run(spec('versioned'))
    proxy.plan({ match: { query: /versionId=/ }, fault: denied })
    const read = await run(spec('versioned', { intent: { sequence: 2, createdAt: 'x' } }))
    for (const done of [listed, read]) {
      expect(done).toMatchObject({ mode: 'Copy', modeReason: expect.stringContaining('may not read') })
    }
  })

  test('a big object that changes while it is copied is drift, not a mixture', async () => {
    await fill('plain', { big: pattern(12 * MiB) })
    proxy.plan(
      { match: { method: 'GET', key: /\/big$/, nth: 1 }, fault: { kind: 'reset', after: 3 * MiB } },
      {
        match: { method: 'GET', key: /\/big$/, nth: 2 },
        fault: { kind: 'before', run: () => fill('plain', { big: pattern(12 * MiB, 9) }) },
      },
    )
    expect(await ends(spec('plain'))).toBe('SourceDrifted')
    expect(await stored()).toEqual(['LAYOUT.json', 'uploads/v1/turn.json'])
    expect(await direct.store.abortUploads('')).toBe(0)
  })

  test('a big object that arrives damaged once is copied again; always damaged, it is Corrupt', async () => {
    const big = pattern(5 * MiB)
    await fill('plain', { big })
    proxy.plan({ match: { method: 'GET', key: /\/big$/, nth: 1 }, fault: { kind: 'flip', at: 4 * MiB } })
    const done = await run(spec('plain'))
    expect(done.outcome).toBe('Committed')
    expect((await readAll(direct.store, `granary/${at}set/data/v1/big`)).equals(big)).toBe(true)
    proxy.plan({ match: { method: 'GET', key: /t\d+\/big$/ }, fault: { kind: 'flip', at: 4 * MiB } })
    const intent = { sequence: 2, createdAt: 'x' }
    expect(await ends(spec('plain', { intent }))).toBe('Corrupt')
  })

  const keys: [string, { key: string; size: number }[], string, string[]][] = [
    ['a slash with bytes', [{ key: 'x/', size: 3 }], 'InvalidKeys', ['x/']],
    ['absolute', [{ key: '/x', size: 3 }], 'InvalidKeys', ['/x']],
    ['two dots', [{ key: 'a/../x', size: 3 }], 'InvalidKeys', ['a/../x']],
    ['a dot', [{ key: './x', size: 3 }], 'InvalidKeys', ['./x']],
    ['an empty segment', [{ key: 'a//x', size: 3 }], 'InvalidKeys', ['a//x']],
    [
      'file and directory',
      [
        { key: 'a', size: 3 },
        { key: 'a-b', size: 1 },
        { key: 'a/b', size: 3 },
      ],
      'InvalidKeys',
      ['a'],
    ],
    ['a control character', [{ key: 'a\u0001', size: 3 }], 'InvalidKeys', ['a\u0001']],
    ['a long segment', [{ key: `${'é'.repeat(128)}`, size: 3 }], 'InvalidKeys', ['é'.repeat(128)]],
    [
      'only markers',
      [
        { key: '', size: 0 },
        { key: 'a/', size: 0 },
      ],
      'SourceEmpty',
      [],
    ],
  ]
  for (const [what, objects, reason, names] of keys) {
    test(`keys that a real server can’t hold: ${what}`, async () => {
      const inside = objects.map(({ key, size }) => ({ key: `${at}${key}`, size }))
      proxy.plan({ match: { query: /list-type=2/ }, fault: { kind: 'rewrite', text: planted(...inside) } })
      const failure = await run(spec('plain')).catch((error) => error)
      expect(failure).toMatchObject({ reason, names: names.map((name) => at + name) })
      expect(await stored()).toEqual([])
      const scanned = await runScan(moving.deps(), { op: 'Scan', items: [{ ...spec('plain') }] })
      expect(scanned.items).toMatchObject([{ reason, message: expect.any(String) }])
      const said = (scanned.items[0] as { message: string }).message
      for (const name of names) expect(said).toContain(JSON.stringify(at + name))
    })
  }

  test('names that differ only by case are imported and reported', async () => {
    await fill('plain', { 'README.md': '1', 'readme.md': '2', 'Sub/a': '3', 'sub/b': '4' })
    const done = await run(spec('plain'))
    expect(done).toMatchObject({ outcome: 'Committed', files: 4 })
    expect(done.warnings).toEqual([
      '"README.md" and "readme.md" differ only by case or Unicode normalization',
      '"Sub" and "sub" differ only by case or Unicode normalization',
    ])
  })

  test('credentials, bucket and endpoint: typed, and no secret in the message', async () => {
    await fill('plain', { a: 'one' })
    const expired: Rule = { match: { key: /^$/ }, fault: { kind: 'status', status: 400, code: 'ExpiredToken' } }
    proxy.plan(expired)
    const failure = await run(spec('plain', { mode: 'Copy' })).catch(failureOf)
    expect(failure).toMatchObject({ reason: 'CredentialsDenied' })
    expect((failure as MoveFailure).message).not.toContain(server.secretKey)
    proxy.plan({ match: {}, fault: { kind: 'status', status: 403 } })
    expect(await ends(spec('plain'))).toBe('CredentialsDenied')
    proxy.plan({ match: {}, fault: { kind: 'status', status: 503, retryAfter: 0 } })
    expect(await ends(spec('plain'))).toBe('Unreachable')
    proxy.plan()
    expect(await ends(spec('plain', { source: moving.location('no-such-bucket', at) }))).toBe('SourceNotFound')
    expect(await ends(spec('plain', { source: moving.location('plain', at, 'http://127.0.0.1:1') }))).toBe(
      'Unreachable',
    )
    expect(await ends(spec('plain'))).toBe('Committed')
  })

  test('the commit: a lost answer is a commit, 409 is tried again, a refusal by somebody else’s record is a conflict', async () => {
    await fill('plain', { a: 'one' })
    const record = { method: 'PUT', key: /versions\/v1\.json$/ }
    proxy.plan({ match: record, fault: { kind: 'lost' } })
    expect(await ends(spec('plain'))).toBe('Committed')
    const records = () => proxy.log.filter(({ method, key }) => method === record.method && record.key.test(key))
    expect(records()).toHaveLength(1)
    expect(await ends(spec('plain'))).toBe('Committed')
    const second = { intent: { sequence: 4, createdAt: 'x' } }
    proxy.plan({ match: { ...record, key: /v4\.json$/, nth: 1 }, fault: { kind: 'lost' } })
    expect(await ends(spec('plain', second))).toBe('Committed')
    proxy.plan({ match: { ...record, key: /v2\.json$/, nth: 1 }, fault: { kind: 'status', status: 409 } })
    expect(await ends(spec('plain', { intent: { sequence: 2, createdAt: 'x' } }))).toBe('Committed')
    const theirs = (await readAll(direct.store, `granary/${at}set/versions/v2.json`))
      .toString()
      .replace('"sequence":2', '"sequence":3')
    const write = () => direct.store.put(`granary/${at}set/versions/v3.json`, Buffer.from(theirs))
    proxy.plan({ match: { ...record, key: /v3\.json$/ }, fault: { kind: 'before', run: write } })
    expect(await ends(spec('plain', { intent: { sequence: 3, createdAt: 'y' } }))).toBe('CommitConflict')
  })

  /** Stops an import before the n-th request that matches; the next one must end as if there had been no other. */
  const stopAndGoOn = async (match: Match, times: number | 'all') => {
    const reference = await run(spec('plain'))
    const expected = await stored()
    const most = times === 'all' ? proxy.log.length : times
    for (let nth = 1; nth <= most; nth++) {
      await direct.store.remove((await listAll(direct.store.list(`granary/${at}`))).map(({ key }) => key))
      const stop = new AbortController()
      const kill = async () => stop.abort(new Error('killed'))
      proxy.plan({ match: { ...match, nth }, fault: { kind: 'before', run: kill } })
      await runImport({ ...moving.deps(), signal: stop.signal }, spec('plain')).catch(() => {})
      expect(stop.signal.aborted).toBe(true)
      proxy.plan()
      const again = await run(spec('plain'))
      expect(again).toMatchObject({ outcome: 'Committed', root: reference.root, digest: reference.digest })
      expect(await stored()).toEqual(expected)
    }
    expect(await direct.store.abortUploads('')).toBe(0)
  }

  test('stopped before any request, the next attempt makes the very same version', async () => {
    await fill('plain', { a: 'one', 'b/c': 'two' })
    await stopAndGoOn({}, 'all')
  }, 240_000)

  test('stopped in the middle of a big object, too', async () => {
    await fill('plain', { big: pattern(9 * MiB) })
    await stopAndGoOn({ key: /\/data\/v1\/big$/ }, 4)
  }, 240_000)
})
