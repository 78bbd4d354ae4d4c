import { appendFile, chmod, mkdir, readdir, readFile, rename, rm, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { ListMultipartUploadsCommand, ListPartsCommand, PutObjectCommand } from '@aws-sdk/client-s3'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { exitCodes } from '../../../src/api/move-result.ts'
import { runCopy } from '../../../src/cli/cp.ts'
import { copyConfig } from '../../../src/copy-config.ts'
import { until } from '../../helpers/child.ts'
import { type CopyEnd, copyEnvironment, launcher, startCopy } from '../../helpers/cp-process.ts'
import type { Match } from '../../helpers/faults.ts'
import { type FaultyProxy, startFaultyProxy } from '../../helpers/faulty-proxy.ts'
import { pattern } from '../../helpers/move.ts'
import { type S3Server, startS3Server } from '../../helpers/s3-server.ts'
import { look, plant, temporaryDir } from '../../helpers/tree.ts'

const MiB = 1024 * 1024
const names = ['a', 'a-b', 'a.b/c', 'd/é ü', 'd/日本', 'd/e/f/g', 'empty', 'z%20+&<']
const files = {
  ...Object.fromEntries(names.map((name) => [name, `content of ${name}`])),
  empty: '',
  big: pattern(20 * MiB),
}
const total = Object.keys(files).length

describe('granary cp', () => {
  let server: S3Server
  let proxy: FaultyProxy
  let dir: string
  let round = 0
  const outputs: string[] = []

  beforeAll(async () => {
    server = await startS3Server()
    proxy = await startFaultyProxy(server.endpoint)
    await server.createBucket('bucket')
    // The SDK looks for keys in the environment of the process that it is in.
    process.env.AWS_ACCESS_KEY_ID = server.accessKey
    process.env.AWS_SECRET_ACCESS_KEY = server.secretKey
  })
  afterAll(async () => {
    delete process.env.AWS_ACCESS_KEY_ID
    delete process.env.AWS_SECRET_ACCESS_KEY
    await proxy?.stop()
    await server?.stop()
  })
  beforeEach(async () => {
    dir = await temporaryDir()
    round++
    proxy.plan()
  })

  const at = (name: string) => join(dir, name)
  const bucket = (name = '') => `s3://bucket/r${round}/${name}`
  const env = () => copyEnvironment(server, proxy.endpoint, at('state'))
  const start = (...args: string[]) => startCopy(env(), ['--json', ...args])
  /** In this process, which is quicker; what is killed or printed on a terminal is a process of its own. */
  const run = async (...args: string[]): Promise<CopyEnd & { result: Record<string, unknown> }> => {
    const end: CopyEnd = { code: null, stdout: '', stderr: '' }
    const write = (text: string) => {
      end.stderr += text
    }
    const out = (text: string) => {
      end.stdout += text
    }
    const deps = { config: copyConfig(env()), cwd: dir, out, err: { write } }
    end.code = await runCopy(deps, ['--json', ...args], new AbortController().signal)
    outputs.push(end.stdout, end.stderr)
    return { ...end, result: JSON.parse(end.stdout || '{}') }
  }
  /** Runs it to success. */
  const copy = async (...args: string[]) => {
    const end = await run(...args)
    expect(end.code, end.stderr).toBe(0)
    return end.result
  }
  const unfinished = async () =>
    (await server.client.send(new ListMultipartUploadsCommand({ Bucket: 'bucket' }))).Uploads ?? []
  const requests = () =>
    proxy.log
      .map(({ method, key }) => `${method} ${key}`)
      .filter((each) => !/^(GET|HEAD) (.*\.granary-tree\.ndjson)?$/.test(each))
  const contents = async (name: string) =>
    Object.fromEntries(Object.entries(await look(at(name))).filter(([path]) => !path.endsWith('/')))

  test('up, down, between buckets and between directories; a second run moves nothing', async () => {
    await plant(at('source'), files)
    const up = await copy(at('source'), bucket())
    expect(up).toMatchObject({ files: total, moved: total, unchanged: 0, removed: 0, extra: 0 })
    expect(await copy(bucket(), at('down'))).toMatchObject({ files: total, moved: total, digest: up.digest })
    expect(await contents('down')).toEqual(await contents('source'))
    expect(await copy(at('down'), at('again'))).toMatchObject({ moved: total, digest: up.digest })
    expect(await contents('again')).toEqual(await contents('source'))
    expect(await copy(bucket(), `s3://bucket/copy${round}`)).toMatchObject({ moved: total, digest: up.digest })
    proxy.plan()
    const same = { moved: 0, unchanged: total, digest: up.digest, bytes: up.bytes }
    expect(await copy(at('source'), bucket())).toMatchObject(same)
    expect(await copy(bucket(), at('down'))).toMatchObject(same)
    expect(await copy(at('down'), at('again'))).toMatchObject(same)
    expect(await copy(bucket(), `s3://bucket/copy${round}`)).toMatchObject(same)
    expect(requests()).toEqual([])
  })

  test('only what changed moves, on either side, whatever its size and time say', async () => {
    await plant(at('source'), files)
    await copy(at('source'), bucket())
    await copy(bucket(), at('down'))
    const before = new Date(1_600_000_000_000)
    // The same size and time as before, other bytes.
    await writeFile(at('source/a'), 'content of b')
    await utimes(at('source/a'), before, before)
    expect(await copy(at('source'), bucket())).toMatchObject({ moved: 1, unchanged: total - 1 })
    await writeFile(at('down/a-b'), 'CONTENT OF A-B'.slice(0, 14))
    await utimes(at('down/a-b'), before, before)
    // Touched, but the same bytes: compared, not moved.
    await utimes(at('down/empty'), before, before)
    await chmod(at('down/a.b/c'), 0o600)
    await rm(at('down/d'), { recursive: true })
    expect(await copy(bucket(), at('down'))).toMatchObject({ moved: 5, unchanged: total - 5 })
    expect((await contents('down')).a).toContain('content of b')
    expect(await readFile(at('down/a-b'), 'utf8')).toBe('content of a-b')
  })

  test('without a record, what is there is recognised by its checksum', async () => {
    await plant(at('source'), { a: 'one', b: 'two' })
    const { digest } = await copy(at('source'), bucket())
    await copy(bucket(), at('down'))
    await rm(at('state'), { recursive: true })
    await writeFile(at('down/b'), 'TWO')
    expect(await copy(bucket(), at('down'))).toMatchObject({ moved: 1, unchanged: 1, digest })
    await rm(at('state'), { recursive: true })
    expect(await copy(at('source'), bucket())).toMatchObject({ moved: 0, unchanged: 2, digest })
  })

  test('deletes only when asked, only what the choice of files covers, and only when all else is there', async () => {
    await plant(at('source'), { 'a.jpg': 'a', 'b.txt': 'b' })
    await plant(at('down'), { 'old.jpg': 'old', 'old.txt': 'old', 'x/y.jpg': 'y' })
    expect(await copy(at('source'), at('down'))).toMatchObject({ moved: 2, extra: 3, removed: 0 })
    expect(await copy(at('source'), at('down'), '--include', '**/*.jpg', '--prune')).toMatchObject({
      removed: 2,
      files: 1,
    })
    expect(Object.keys(await look(at('down'))).sort()).toEqual(['a.jpg', 'b.txt', 'old.txt'])
    await copy(at('down'), bucket())
    expect(await copy(at('source'), bucket(), '--prune')).toMatchObject({ removed: 1, unchanged: 2 })
    await rm(at('source/a.jpg'))
    await rm(at('source/b.txt'))
    const empty = await run(at('source'), bucket(), '--prune')
    expect([empty.code, empty.result.reason]).toEqual([exitCodes.invalid, 'SourceEmpty'])
    expect(await copy(bucket(), at('check'))).toMatchObject({ files: 2 })
  })

  const killAt = async (match: Match, args: string[], first: () => Promise<unknown> = async () => {}) => {
    let copying: ReturnType<typeof start> | undefined
    const die = async () => {
      await first()
      copying!.kill('SIGKILL')
      await copying!.ended
    }
    proxy.plan({ match, fault: { kind: 'before', run: die } })
    copying = start(...args)
    const end = await copying.ended
    outputs.push(end.stdout, end.stderr)
    expect(end.code, end.stderr).toBeNull()
    proxy.plan()
  }

  describe('killed with kill -9', () => {
    test.each<[string, Match]>([
      ['at its fourth', { method: 'GET', key: /\/./, nth: 4 }],
      ['at a big one', { method: 'GET', key: /big/ }],
      ['at the listing', { query: /list-type/ }],
    ])('on the way down %s, the next run finishes and leaves nothing behind', async (_, match) => {
      await plant(at('source'), files)
      await copy(at('source'), bucket())
      await killAt(match, [bucket(), at('down')])
      expect(await copy(bucket(), at('down'))).toMatchObject({ files: total })
      expect(await contents('down')).toEqual(await contents('source'))
      expect((await readdir(at('down'))).filter((name) => name.startsWith('.'))).toEqual([])
    })

    test.each<[string, Match]>([
      ['at its third object', { method: 'PUT', key: /\/./, nth: 3 }],
      ['at a part of a big one', { method: 'PUT', query: /partNumber=2/ }],
      ['when the big one is put together', { method: 'POST', query: /^uploadId/ }],
    ])('on the way up %s, the next run finishes and leaves nothing behind', async (_, match) => {
      await plant(at('source'), files)
      await killAt(match, [at('source'), bucket()])
      await copy(at('source'), bucket())
      await copy(bucket(), at('down'))
      expect(await contents('down')).toEqual(await contents('source'))
      expect(await unfinished()).toEqual([])
    })
  })

  describe('a big file is gone on with where it was', () => {
    const huge = pattern(40 * MiB + 3, 5)
    const ranges = () => proxy.log.flatMap(({ key, range }) => (/big/.test(key) && range !== undefined ? [range] : []))

    test('on the way down', async () => {
      await plant(at('source'), { big: huge })
      const { digest } = await copy(at('source'), bucket())
      const noted = async () => {
        const parts = await readdir(at('down/.granary-partial/parts'))
        const note = await readFile(at(`down/.granary-partial/parts/${parts.find((name) => name.endsWith('.state'))}`))
        return Number(note.toString().trim().split('\n').at(-1)) > 0
      }
      await killAt({ key: /big/, range: /^bytes=33554432-/ }, [bucket(), at('down')], () => until('a note', noted))
      expect(await copy(bucket(), at('down'))).toMatchObject({ moved: 1, movedBytes: huge.length, digest })
      expect(ranges().filter((range) => range.startsWith('bytes=0-'))).toEqual([])
      expect(await contents('down')).toEqual(await contents('source'))
      expect((await readdir(at('down'))).filter((name) => name.startsWith('.'))).toEqual([])
    })

    test('unless it is another object by then', async () => {
      await plant(at('source'), { big: huge })
      await copy(at('source'), bucket())
      await killAt({ key: /big/, range: /^bytes=33554432-/ }, [bucket(), at('down')])
      await plant(at('source'), { big: pattern(huge.length, 9) })
      const { digest } = await copy(at('source'), bucket())
      expect(await copy(bucket(), at('down'))).toMatchObject({ digest })
      expect(await contents('down')).toEqual(await contents('source'))
    })

    test('on the way up', async () => {
      await plant(at('source'), { big: huge, small: 'small' })
      const sent = async () => {
        const [upload] = await unfinished()
        if (upload?.UploadId === undefined) return 0
        const id = { Bucket: 'bucket', Key: upload.Key, UploadId: upload.UploadId }
        return (await server.client.send(new ListPartsCommand(id))).Parts?.length ?? 0
      }
      const match = { method: 'PUT', query: /partNumber=6/ }
      await killAt(match, [at('source'), bucket()], () => until('a part', async () => (await sent()) > 0))
      const before = await sent()
      const { digest } = await copy(at('source'), bucket())
      const count = (method: string, query: RegExp) =>
        proxy.log.filter((each) => each.method === method && query.test(each.query)).length
      expect(count('POST', /^uploads/)).toBe(0)
      // A part that was on its way may have arrived after it was counted.
      expect(count('PUT', /partNumber/)).toBeLessThanOrEqual(6 - before)
      expect(await copy(bucket(), at('down'))).toMatchObject({ digest })
      expect(await contents('down')).toEqual(await contents('source'))
      expect(await unfinished()).toEqual([])
    })
  })

  test('a file that is written to while it goes up goes up once more', async () => {
    await plant(at('source'), { a: 'one', b: 'two' })
    const change = () => appendFile(at('source/a'), ' and more')
    proxy.plan({ match: { method: 'PUT', key: /\/a$/, nth: 1 }, fault: { kind: 'before', run: change } })
    await copy(at('source'), bucket())
    await copy(bucket(), at('down'))
    expect(await readFile(at('down/a'), 'utf8')).toBe('one and more')
  })

  test('one that never stops changing is named; the others are there', async () => {
    await plant(at('source'), { a: 'one', b: 'two' })
    const change = () => appendFile(at('source/a'), '.')
    proxy.plan({ match: { method: 'PUT', key: /\/a$/ }, fault: { kind: 'before', run: change } })
    const end = await run(at('source'), bucket())
    expect([end.code, end.result.reason]).toEqual([exitCodes.drifted, 'SourceDrifted'])
    expect(end.stderr).toContain('/source/a was changed')
    proxy.plan()
    expect(await copy(bucket(), at('down'))).toMatchObject({ files: 1 })
  })

  test('an object that is replaced while it comes down is never a mixture', async () => {
    await plant(at('source'), { big: pattern(20 * MiB) })
    await copy(at('source'), bucket())
    const Key = `r${round}/big`
    const replace = () =>
      server.client.send(new PutObjectCommand({ Bucket: 'bucket', Key, Body: pattern(20 * MiB, 9) }))
    proxy.plan({ match: { method: 'GET', key: /big/, nth: 1 }, fault: { kind: 'before', run: replace } })
    const end = await run(bucket(), at('down'))
    expect([end.code, end.result.reason]).toEqual([exitCodes.drifted, 'SourceDrifted'])
    expect(await readdir(at('down'))).toEqual([])
    await copy(bucket(), at('down'))
    expect((await readFile(at('down/big'))).equals(pattern(20 * MiB, 9))).toBe(true)
  })

  test('a full disk and a read-only one are said, and once there is room it goes on', async () => {
    await plant(at('source'), { ...files, big: pattern(3 * MiB) })
    await mkdir(at('disk'))
    await mkdir(at('out'))
    const granary = `"$0" ${launcher} cp --json ${at('source')} ${at('disk')}`
    const script = [
      `mount -t tmpfs -o size=1m tmpfs ${at('disk')}; ${granary}; echo "full $?"; ls -A ${at('disk')} | grep partial`,
      `mount -o remount,ro ${at('disk')}; ${granary}; echo "read-only $?"`,
      `mount -o remount,rw,size=64m ${at('disk')}; ${granary}; echo "roomy $?"; cp -a ${at('disk')}/. ${at('out')}`,
    ].join('\n')
    const spaces = process.getuid?.() === 0 ? ['--mount'] : ['--mount', '--user', '--map-root-user']
    const child = startCopy(env(), [], ['unshare', ...spaces, 'sh', '-c', script])
    const end = await child.ended
    const steps = end.stdout.split('\n').filter((line) => /^(full|read-only|roomy|\.)/.test(line))
    expect(steps, end.stderr).toEqual(['full 12', 'read-only 17', 'roomy 0'])
    expect(end.stderr).toContain('is full: make room')
    expect(end.stderr).toContain('read-only file system')
    expect(await contents('out')).toEqual(await contents('source'))
  })

  test('what it can not do it says, with an exit code of its own', async () => {
    await plant(at('source'), { a: 'a' })
    const cases: [string[], number, string][] = [
      [[at('none'), bucket()], exitCodes.invalid, 'is not there'],
      [[bucket('none/'), at('down')], exitCodes.invalid, 'there is no file under'],
      [['s3://no-such-bucket/', at('down')], exitCodes.invalid, 'does not exist'],
      [[at('source'), at('source/in')], exitCodes.invalid, 'lie in each other'],
    ]
    for (const [args, code, sentence] of cases) {
      const end = await run(...args)
      expect(end.code, end.stderr).toBe(code)
      expect(end.stderr).toContain(sentence)
    }
    await plant(at('down'), { 'a/b': 'a directory where a file should be' })
    const end = await run(at('source'), at('down'))
    expect([end.code, end.result.reason]).toEqual([exitCodes.conflict, 'DestinationChanged'])
    const wrong = await startCopy({ ...env(), AWS_SECRET_ACCESS_KEY: 'not-the-right-one-at-all' }, [bucket(), at('x')])
      .ended
    expect(wrong.code).toBe(exitCodes.credentials)
    expect(wrong.stderr).not.toContain('not-the-right-one')
  })

  test('two at once to the same place don’t mix: the second is told who is there', async () => {
    await plant(at('source'), files)
    let second: CopyEnd | undefined
    const meanwhile = async () => {
      second = await run(at('source'), bucket())
    }
    proxy.plan({ match: { method: 'PUT', key: /\/a$/, nth: 1 }, fault: { kind: 'before', run: meanwhile } })
    await copy(at('source'), bucket())
    expect(second).toMatchObject({ code: exitCodes.conflict, stderr: expect.stringContaining('another granary') })
  })

  test('a destination that was moved away is a new one', async () => {
    await plant(at('source'), { a: 'a', b: 'b' })
    await copy(at('source'), at('down'))
    await rename(at('down'), at('elsewhere'))
    expect(await copy(at('source'), at('down'))).toMatchObject({ moved: 2 })
  })

  test('no output ever held a key', () => {
    expect(outputs.length).toBeGreaterThan(40)
    for (const output of outputs)
      for (const secret of [server.secretKey, server.accessKey]) expect(output).not.toContain(secret)
  })
})
