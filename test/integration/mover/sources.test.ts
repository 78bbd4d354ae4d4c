import { execFileSync } from 'node:child_process'
import { chmod, mkdir, rename, rm, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pino } from 'pino'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { MoveLocation, MoveSpec } from '../../../src/api/move.ts'
import { exitCodes } from '../../../src/api/move-result.ts'
import { packTexts } from '../../../src/lib/packed-texts.ts'
import { sha256Hex } from '../../../src/manifest/digest.ts'
import type { DoneOf, SpecOf } from '../../../src/mover/deps.ts'
import { runOperation } from '../../../src/mover/operations.ts'
import { runMove } from '../../../src/mover/run.ts'
import type { ObjectStore } from '../../../src/stores/object-store.ts'
import { openStore } from '../../../src/stores/open.ts'
import { listAll, type Moving, pattern, quickRetry, startMoving } from '../../helpers/move.ts'
import { type MoverEnd, type MoverPod, moverPod } from '../../helpers/mover-process.ts'
import { type S3Server, startS3Server } from '../../helpers/s3-server.ts'
import { look, plant } from '../../helpers/tree.ts'
import { startWebServer, type WebServer } from '../../helpers/web-server.ts'

const MiB = 1024 * 1024

describe('sources that are no bucket, read by the mover program', () => {
  let server: S3Server
  let moving: Moving
  let store: ObjectStore
  let web: WebServer
  let pod: MoverPod
  let round = 0
  let prefix: string

  beforeAll(async () => {
    server = await startS3Server()
    moving = await startMoving(server)
    web = await startWebServer()
    await server.createBucket('store')
    store = await moving.open(moving.location('store'))
  })
  beforeEach(async () => {
    prefix = `granary/team/s${++round}/`
    pod = await moverPod({ s3: { AWS_ACCESS_KEY_ID: server.accessKey, AWS_SECRET_ACCESS_KEY: server.secretKey } })
  })
  afterEach(() => pod.remove())
  afterAll(async () => {
    await moving?.stop()
    await web?.stop()
    await server?.stop()
  })

  const inBucket = (): MoveLocation => moving.location('store', prefix)
  const inClaim = (): MoveLocation => ({
    name: 'store',
    directory: { kind: 'claim', label: 'claim granary-store' },
    prefix,
    credentials: 'Anonymous',
  })
  const from = (source: Partial<MoveLocation>): MoveLocation => ({
    name: 'source',
    prefix: '',
    credentials: 'Anonymous',
    ...source,
  })
  const workspace = (more: Partial<MoveLocation> = {}) =>
    from({ directory: { kind: 'claim', label: 'claim workspace' }, ...more })
  const importing = (source: MoveLocation, more: Partial<SpecOf<'Import'>> = {}): SpecOf<'Import'> => ({
    op: 'Import',
    dataset: { namespace: 'team', name: `s${round}`, uid: 'uid-1' },
    store: inBucket(),
    source,
    mode: 'Auto',
    intent: { sequence: 1, createdAt: '2026-11-21T12:00:00Z' },
    ...more,
  })
  /** The same program without a process of its own: those take their time. */
  const run = async (spec: MoveSpec): Promise<MoverEnd> => {
    let text = ''
    const mounted = { credentialsDir: moving.credentialsDir, caDir: '', mountOf: pod.mount, retry: quickRetry }
    const code = await runMove({
      spec: JSON.stringify(spec),
      openStore: (location) => openStore(mounted, location),
      data: pod.data,
      operation: runOperation,
      write: () => {},
      writeResult: async (result) => {
        text = result
      },
      log: pino({ level: 'silent' }),
      now: () => Date.now(),
      signal: new AbortController().signal,
    })
    return { code, output: text, text, result: JSON.parse(text) }
  }
  const next = (done: DoneOf<'Import'>, sequence = 2): Partial<SpecOf<'Import'>> => ({
    intent: { sequence, createdAt: '2026-11-21T13:00:00Z' },
    parent: { sequence: done.sequence!, root: done.root, digest: done.digest },
  })
  const done = (end: MoverEnd) => {
    expect(end.result, end.output).toMatchObject({ outcome: expect.stringMatching(/Committed|Unchanged/) })
    return end.result as DoneOf<'Import'>
  }
  const content = async (version: DoneOf<'Import'>, at = inBucket()) => {
    await rm(pod.data, { recursive: true, force: true })
    await mkdir(pod.data)
    const { sequence, root, digest } = version
    const end = await run({
      op: 'Populate',
      store: at,
      version: { sequence: sequence!, root, digest },
      modes: 'Working',
    })
    expect(end.code, end.output).toBe(exitCodes.done)
    const found = await look(pod.data)
    return Object.fromEntries(
      Object.entries(found).flatMap(([path, text]) => (path.endsWith('/') ? [] : [[path, text.replace(/^\d+ /, '')]])),
    )
  }
  const mountDocument = async (document: { http: object[] } | { inline: Record<string, string> }) => {
    await mkdir(pod.mount('source'), { recursive: true })
    await writeFile(
      join(pod.mount('source'), 'document'),
      'inline' in document ? packTexts(document.inline) : JSON.stringify(document),
    )
  }
  const plantSource = (files: Parameters<typeof plant>[1]) => plant(pod.mount('source'), files)
  const keys = async (under: string) =>
    (await listAll(store.list(`${prefix}${under}`))).map(({ key }) => key.slice(prefix.length))
  const scan = async (source: MoveLocation) => {
    const dataset = { namespace: 'team', name: 's', uid: 'uid-1' }
    const end = await run({ op: 'Scan', items: [{ dataset, source }] })
    return (end.result as DoneOf<'Scan'>).items[0] as { objects: number; fingerprint: string } & { reason?: string }
  }

  test('text in the Dataset: the same text again makes no version', async () => {
    await mountDocument({ inline: { 'labels.txt': 'cat\ndog\n', 'prompts/é.txt': '“hi”' } })
    const source = from({ document: 'inline' })
    const first = done(await pod.run(importing(source)))
    expect(first).toMatchObject({ outcome: 'Committed', mode: 'Copy', files: 2 })
    expect(await content(first)).toEqual({ 'labels.txt': 'cat\ndog\n', 'prompts/é.txt': '“hi”' })
    expect((await scan(source)).fingerprint).toBe(first.fingerprint)
    expect(done(await run(importing(source, next(first)))).outcome).toBe('Unchanged')
    await mountDocument({ inline: { '../etc/passwd': 'x' } })
    const bad = await run(importing(source, next(first)))
    expect(bad).toMatchObject({ code: exitCodes.invalid, result: { reason: 'InvalidKeys' } })
  })

  test('the keys of a ConfigMap, as the kubelet lays them out; one that is missing says so', async () => {
    const [mount, source] = [pod.mount('source'), from({ configMap: { name: 'labels' } })]
    await mkdir(mount, { recursive: true })
    const missing = await run(importing(source))
    expect(missing.result).toMatchObject({ reason: 'SourceNotFound', message: expect.stringContaining('labels') })
    await plant(mount, { '..2026_11_21/a.txt': 'A', '..2026_11_21/b.txt': 'B', 'a.txt': { link: '..data/a.txt' } })
    await symlink('..2026_11_21', join(mount, '..data'))
    const first = done(await run(importing(source)))
    expect(await content(first)).toEqual({ 'a.txt': 'A', 'b.txt': 'B' })
    // Mounted in another pod, the files are other files with the same text.
    await plant(mount, { '..2026_11_22/a.txt': 'A', '..2026_11_22/b.txt': 'B' })
    await symlink('..2026_11_22', join(mount, '..tmp'))
    await rename(join(mount, '..tmp'), join(mount, '..data'))
    expect((await scan(source)).fingerprint).toBe(first.fingerprint)
  })

  test('public files: checked against their digest, and known by it', async () => {
    const [small, big] = [Buffer.from('small'), pattern(9 * MiB)]
    web.serve('/small', small)
    web.serve('/big', big)
    const file = (name: string, bytes: Buffer) => ({
      url: `${web.url}/${name}`,
      path: `${name}.bin`,
      sha256: sha256Hex(bytes),
    })
    await mountDocument({ http: [file('small', small), file('big', big)] })
    const source = from({ document: 'http' })
    const first = done(await run(importing(source)))
    expect(first).toMatchObject({ outcome: 'Committed', files: 2, bytes: small.length + big.length })
    web.asked.length = 0
    expect(done(await run(importing(source, next(first)))).outcome).toBe('Unchanged')
    expect(web.asked.filter((line) => line.startsWith('GET'))).toEqual([])

    const added = Buffer.from('added')
    web.serve('/added', Buffer.from('ADDED'))
    await mountDocument({ http: [file('small', small), file('big', big), file('added', added)] })
    const wrong = await run(importing(source, next(first)))
    expect(wrong).toMatchObject({ code: exitCodes.corrupt, result: { reason: 'Corrupt', names: ['added.bin'] } })
    web.serve('/added', added)
    web.asked.length = 0
    const second = done(await run(importing(source, next(first))))
    expect(second).toMatchObject({ outcome: 'Committed', sequence: 2, files: 3 })
    expect(web.asked.filter((line) => line.startsWith('GET'))).toEqual(['GET /added'])
    expect(await keys('data/v2/')).toEqual(['data/v2/added.bin'])
  })

  test('a directory of a claim: links inside it stay links, globs choose, only what is new is stored', async () => {
    await plantSource({
      'set/a.txt': 'A',
      'set/sub/big.bin': pattern(9 * MiB),
      'set/sub/link': { link: '../a.txt' },
      'set/run': { executable: '#!/bin/sh' },
      'set/notes.tmp': 'x',
      'other/b.txt': 'B',
    })
    const source = workspace({ prefix: 'set/' })
    const first = done(await run(importing(source, { exclude: ['**/*.tmp'] })))
    expect(first).toMatchObject({ outcome: 'Committed', mode: 'Copy', files: 4 })
    const found = await content(first)
    expect(Object.keys(found).sort()).toEqual(['a.txt', 'run', 'sub/big.bin', 'sub/link'])
    expect(found['sub/link']).toBe('-> ../a.txt')
    expect(await keys('uploads/')).toEqual([])

    await plantSource({ 'set/c.txt': 'C' })
    const second = done(await run(importing(source, { exclude: ['**/*.tmp'], ...next(first) })))
    expect(second).toMatchObject({ outcome: 'Committed', sequence: 2, files: 5 })
    expect(await keys('data/v2/')).toEqual(['data/v2/c.txt'])
    expect(done(await run(importing(source, { exclude: ['**/*.tmp'], ...next(second, 3) }))).outcome).toBe('Unchanged')
    expect(await keys('data/v3/')).toEqual([])
  })

  test.each([
    ['a link that leads out', { a: 'A', out: { link: '/etc/passwd' } }, 'InvalidKeys', 'out'],
    ['a link that climbs out', { a: 'A', 'd/out': { link: '../../x' } }, 'InvalidKeys', 'd/out'],
  ] as const)('hostile: %s', async (_, files, reason, name) => {
    await plantSource(files)
    const end = await run(importing(workspace()))
    expect(end.result).toMatchObject({ reason, names: [name] })
    expect(await keys('')).toEqual([])
  })

  test('hostile: a pipe, a name that is not UTF-8, a way through a link, nothing there', async () => {
    const mount = pod.mount('source')
    await plantSource({ 'set/a': 'A', etc: { link: '/etc' }, 'empty/.keep/x': '' })
    execFileSync('mkfifo', [join(mount, 'set', 'pipe')])
    expect((await run(importing(workspace({ prefix: 'set/' })))).result).toMatchObject({
      reason: 'InvalidKeys',
      names: ['pipe'],
    })
    await rm(join(mount, 'set', 'pipe'))
    await writeFile(Buffer.concat([Buffer.from(`${mount}/set/`), Buffer.from([0xff, 0x66])]), 'x')
    expect((await run(importing(workspace({ prefix: 'set/' })))).result).toMatchObject({ reason: 'InvalidKeys' })
    const through = await run(importing(workspace({ prefix: 'etc/ssl/' })))
    expect(through.result).toMatchObject({ reason: 'SourceNotFound', message: expect.stringContaining('symlink') })
    const nowhere = await run(importing(workspace({ prefix: 'none/' })))
    expect(nowhere.result).toMatchObject({ reason: 'SourceNotFound' })
    const empty = await run(importing(workspace({ prefix: 'empty/' }), { include: ['*.txt'] }))
    expect(empty.result).toMatchObject({ reason: 'SourceEmpty' })
  })

  test('a file that this user may not read is named', async () => {
    await plantSource({ a: 'A', 'd/secret': 'S' })
    await chmod(join(pod.mount('source'), 'd', 'secret'), 0o600)
    await mkdir(pod.mount('store'))
    for (const open of [join(pod.data, '..'), pod.mount('store')]) await chmod(open, 0o777)
    const end = await pod.run(importing(workspace(), { store: inClaim() }), [
      ...['setpriv', '--reuid=12345', '--regid=12345', '--clear-groups'],
    ])
    expect(end).toMatchObject({
      code: exitCodes.unreadable,
      result: { reason: 'UnreadableFiles', names: ['d/secret'] },
    })
  })

  test('a claim as store, end to end: import, populate, finalize, mirror, adopt', async () => {
    await mkdir(pod.mount('store'), { recursive: true })
    await plantSource({ 'a.txt': 'A', 'sub/big.bin': pattern(9 * MiB) })
    const to = inClaim()
    const first = done(await pod.run(importing(workspace(), { store: to })))
    expect(first).toMatchObject({ outcome: 'Committed', sequence: 1 })
    expect((await content(first, to))['a.txt']).toBe('A')
    await plant(pod.data, { 'new.txt': 'N' })
    const dataset = { namespace: 'team', name: `s${round}`, uid: 'uid-1' }
    const second = await pod.run({
      op: 'Finalize',
      dataset,
      store: to,
      intent: { sequence: 2, createdAt: '2026-11-21T14:00:00Z', parent: 1 },
      base: { sequence: 1, root: first.root, digest: first.digest },
    })
    expect(second.result, second.output).toMatchObject({ outcome: 'Committed', sequence: 2, files: 3, uploaded: 1 })
    const { root, digest } = second.result as DoneOf<'Finalize'>
    const destination = moving.location('store', `mirror${round}/`)
    const mirrored = await pod.run({
      op: 'Mirror',
      store: to,
      version: { sequence: 2, root, digest },
      destination,
      prune: false,
      onConflict: 'Fail',
    })
    expect(mirrored.result, mirrored.output).toMatchObject({ written: 3 })
    const adopted = await pod.run({ op: 'Adopt', dataset, store: to })
    expect((adopted.result as DoneOf<'Adopt'>).versions.map(({ n }) => n)).toEqual([2, 1])
    const probed = await pod.run({ op: 'Probe', locations: [to] })
    expect((probed.result as DoneOf<'Probe'>).locations[0]).toMatchObject({ putIfAbsent: true, versioning: false })
  })

  test('a store that lies inside its own source is refused', async () => {
    await plant(pod.mount('store'), { a: 'A' })
    await plantSource({ a: 'A' })
    const source = from({ directory: { kind: 'claim', label: 'claim granary-store' } })
    const end = await run(importing(source, { store: inClaim() }))
    expect(end.result).toMatchObject({ reason: 'InvalidSpec' })
  })
})
