import { GetObjectCommand, ListObjectVersionsCommand, PutObjectCommand } from '@aws-sdk/client-s3'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type S3Server, startS3Server } from '../../helpers/s3-server.ts'

describe('the S3 server of the tests', () => {
  let server: S3Server

  beforeAll(async () => {
    server = await startS3Server()
    await server.createBucket('plain')
    await server.createBucket('versioned', { versioned: true })
  }, 600_000)

  afterAll(() => server?.stop())

  const put = (Bucket: string, Body: string) =>
    server.client.send(new PutObjectCommand({ Bucket, Key: 'a/b.txt', Body }))

  test('a versioned bucket keeps what was overwritten', async () => {
    const first = await put('versioned', 'one')
    await put('versioned', 'two')
    const listed = await server.client.send(new ListObjectVersionsCommand({ Bucket: 'versioned' }))
    expect(listed.Versions).toHaveLength(2)
    const old = { Bucket: 'versioned', Key: 'a/b.txt', VersionId: first.VersionId }
    const got = await server.client.send(new GetObjectCommand(old))
    expect(await got.Body?.transformToString()).toBe('one')
  })

  test('an unversioned bucket has no version ids', async () => {
    expect((await put('plain', 'one')).VersionId).toBeUndefined()
  })

  test('a conditional put of an existing key is refused', async () => {
    await put('plain', 'one')
    const again = { Bucket: 'plain', Key: 'a/b.txt', Body: 'two', IfNoneMatch: '*' }
    await expect(server.client.send(new PutObjectCommand(again))).rejects.toMatchObject({
      $metadata: { httpStatusCode: 412 },
    })
  })
})
