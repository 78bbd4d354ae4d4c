import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { sha256Hex } from '../../src/manifest/digest.ts'
import { type HttpFile, openHttpStore } from '../../src/stores/files/http.ts'
import type { ObjectStore } from '../../src/stores/object-store.ts'
import { listAll, pattern, quickRetry, readAll } from '../helpers/move.ts'
import { type Handler, sendFile, startWebServer, type WebServer } from '../helpers/web-server.ts'

const bytes = pattern(300_000)
const sha256 = sha256Hex(bytes)

describe('public files as a store', () => {
  let web: WebServer
  let store: ObjectStore | undefined
  beforeEach(async () => {
    web = await startWebServer()
  })
  afterEach(async () => {
    await store?.close()
    await web.stop()
  })
  const open = (...files: HttpFile[]) => {
    store = openHttpStore(files, { retry: quickRetry, stall: 2000 })
    return store
  }
  const one = (path: string) => open({ url: `${web.url}${path}`, path: 'a.bin', sha256 })

  test('listed in order with their sizes, under the digest that is declared', async () => {
    web.serve('/a', bytes)
    web.serve('/b', Buffer.from('bb'))
    const files = open(
      { url: `${web.url}/b`, path: 'b/x', sha256: sha256Hex(Buffer.from('bb')) },
      { url: `${web.url}/a`, path: 'a.bin', sha256 },
    )
    expect(await listAll(files.list(''))).toEqual([
      { key: 'a.bin', size: bytes.length, etag: sha256, sha256 },
      expect.objectContaining({ key: 'b/x', size: 2 }),
    ])
    expect((await readAll(files, 'a.bin')).equals(bytes)).toBe(true)
    expect(await readAll(files, 'a.bin', { range: { offset: 7, length: 5 } })).toEqual(bytes.subarray(7, 12))
    expect(web.asked.filter((line) => line === 'GET /a')).toHaveLength(1)
  })

  test('a server without HEAD is asked for the first byte', async () => {
    web.serve('/a', (request, response) =>
      request.method === 'HEAD' ? response.writeHead(405).end() : sendFile(bytes)(request, response),
    )
    expect((await listAll(one('/a').list('')))[0]?.size).toBe(bytes.length)
    expect(web.asked).toEqual(['HEAD /a', 'GET /a bytes=0-0'])
  })

  test('a file of unknown length is refused: nothing says when it ends', async () => {
    web.serve('/a', (_, response) => {
      response.writeHead(200)
      response.write('x')
      response.end()
    })
    await expect(listAll(one('/a').list(''))).rejects.toMatchObject({ failure: 'invalid' })
  })

  test('redirects are followed, some, and never to where a name or a scheme is another', async () => {
    const redirect =
      (location: string): Handler =>
      (_, response) =>
        void response.writeHead(302, { location }).end()
    web.serve('/a', redirect('/b?signature=secret'))
    web.serve('/b', bytes)
    expect((await readAll(one('/a'), 'a.bin')).equals(bytes)).toBe(true)
    await store?.close()
    web.serve('/loop', redirect('/loop'))
    await expect(one('/loop').head('a.bin')).rejects.toMatchObject({ failure: 'invalid' })
    await store?.close()
    web.serve('/file', redirect('file:///etc/passwd'))
    await expect(one('/file').head('a.bin')).rejects.toMatchObject({ failure: 'invalid' })
    await store?.close()
    web.serve('/user', redirect('http://user:word@127.0.0.1/x'))
    await expect(one('/user').head('a.bin')).rejects.toThrow(/user name/)
  })

  test('a connection that breaks is resumed where it broke; a server without ranges from the beginning', async () => {
    let broken = 0
    const breaking =
      (ranges: boolean): Handler =>
      (request, response) => {
        if (!ranges) delete request.headers.range
        if (broken++ >= 2 || request.method === 'HEAD') return sendFile(bytes)(request, response)
        const from = Number(/bytes=(\d+)-/.exec(request.headers.range ?? '')?.[1] ?? 0)
        if (from > 0) response.setHeader('content-range', `bytes ${from}-${bytes.length - 1}/${bytes.length}`)
        response.setHeader('content-length', bytes.length - from)
        response.writeHead(from > 0 ? 206 : 200)
        response.write(bytes.subarray(from, from + 100_000), () => response.destroy())
      }
    web.serve('/ranges', breaking(true))
    expect((await readAll(one('/ranges'), 'a.bin')).equals(bytes)).toBe(true)
    expect(web.asked.some((line) => /^GET \/ranges bytes=\d+-$/.test(line))).toBe(true)
    await store?.close()
    broken = 0
    web.serve('/whole', breaking(false))
    expect((await readAll(one('/whole'), 'a.bin')).equals(bytes)).toBe(true)
  })

  test('other bytes than declared are corrupt at their end', async () => {
    const other = Buffer.from(bytes)
    other[5] = 0xff ^ (other[5] ?? 0)
    web.serve('/a', other)
    await expect(readAll(one('/a'), 'a.bin')).rejects.toMatchObject({ failure: 'corrupt', key: 'a.bin' })
  })

  test.each([
    [404, 'no-bucket'],
    [403, 'denied'],
    [500, 'unreachable'],
    [400, 'invalid'],
  ])('an answer %s is %s, and the message has no query', async (status, failure) => {
    web.serve('/a', (_, response) => void response.writeHead(status).end())
    const error = await listAll(open({ url: `${web.url}/a?key=hidden`, path: 'a.bin', sha256 }).list('')).catch(
      (e) => e,
    )
    expect(error).toMatchObject({ failure })
    expect(error.message).not.toContain('hidden')
  })

  test('nothing can be written', async () => {
    await expect(one('/a').put('a.bin', bytes)).rejects.toMatchObject({ failure: 'denied' })
  })
})
