import { createHash } from 'node:crypto'
import {
  CreateBucketCommand,
  DeleteObjectsCommand,
  GetObjectCommand,
  ListObjectsV2Command,
  ListObjectVersionsCommand,
  PutBucketVersioningCommand,
  PutObjectCommand,
  type S3Client,
} from '@aws-sdk/client-s3'

/** Small helpers over a bucket, as a person with the vendor's tool has them. */

export const makeBucket = async (s3: S3Client, bucket: string, versioned: boolean): Promise<void> => {
  try {
    await s3.send(new CreateBucketCommand({ Bucket: bucket }))
  } catch (error) {
    if (!(error instanceof Error) || !/BucketAlready/.test(error.name)) throw error
  }
  if (versioned) {
    await s3.send(new PutBucketVersioningCommand({ Bucket: bucket, VersioningConfiguration: { Status: 'Enabled' } }))
  }
}

export const putObject = async (
  s3: S3Client,
  bucket: string,
  key: string,
  body: string | Uint8Array,
): Promise<void> => {
  await s3.send(new PutObjectCommand({ Bucket: bucket, Key: key, Body: body }))
}

export const getObject = async (s3: S3Client, bucket: string, key: string): Promise<Uint8Array> => {
  const answer = await s3.send(new GetObjectCommand({ Bucket: bucket, Key: key }))
  if (answer.Body === undefined) throw new Error(`${key} has no body`)
  return answer.Body.transformToByteArray()
}

export const listKeys = async (s3: S3Client, bucket: string, prefix: string): Promise<string[]> => {
  const keys: string[] = []
  let token: string | undefined
  do {
    const page = await s3.send(new ListObjectsV2Command({ Bucket: bucket, Prefix: prefix, ContinuationToken: token }))
    keys.push(...(page.Contents ?? []).map((object) => object.Key ?? ''))
    token = page.IsTruncated ? page.NextContinuationToken : undefined
  } while (token !== undefined)
  return keys
}

/** Removes everything under the prefix, old versions too. */
export const emptyBucket = async (s3: S3Client, bucket: string, prefix = ''): Promise<void> => {
  for (;;) {
    const page = await s3.send(new ListObjectVersionsCommand({ Bucket: bucket, Prefix: prefix }))
    const found = [...(page.Versions ?? []), ...(page.DeleteMarkers ?? [])]
    if (found.length === 0) return
    const objects = found.map((object) => ({ Key: object.Key ?? '', VersionId: object.VersionId }))
    await s3.send(new DeleteObjectsCommand({ Bucket: bucket, Delete: { Objects: objects, Quiet: true } }))
  }
}

export const sha256 = (bytes: Uint8Array | string): string => createHash('sha256').update(bytes).digest('hex')
