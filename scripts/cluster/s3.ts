import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Daemon } from './daemon.ts'
import { network } from './network.ts'
import { statePaths } from './paths.ts'
import { programPath } from './programs.ts'

/** How to reach the S3 server, from this machine and from pods alike. */
export interface S3Access {
  readonly endpoint: string
  readonly region: string
  readonly accessKeyId: string
  readonly secretAccessKey: string
}

/** Access to the running cluster's S3 server. */
export const readS3Access = (): S3Access => JSON.parse(readFileSync(statePaths.s3, 'utf8')) as S3Access

/** Makes keys for a new cluster. */
export const createS3Access = async (): Promise<void> => {
  const access: S3Access = {
    endpoint: `http://${network.node}:7070`,
    region: 'us-east-1',
    accessKeyId: `GRANARY${randomBytes(6).toString('hex').toUpperCase()}`,
    secretAccessKey: randomBytes(20).toString('hex'),
  }
  await writeFile(statePaths.s3, JSON.stringify(access), { mode: 0o600 })
  for (const name of ['data', 'versions', 'iam']) await mkdir(join(statePaths.buckets, name), { recursive: true })
}

/** The S3 server: plain HTTP, one root user, object versions for each bucket that asks for them. */
export const versitygw = (): Daemon => {
  const access = readS3Access()
  const place = (name: string) => join(statePaths.buckets, name)
  return {
    name: 'versitygw',
    command: [
      ...[programPath('versitygw'), '--port', `${network.node}:7070`, '--region', access.region],
      ...['--keep-alive', '--quiet', '--iam-dir', place('iam')],
      ...['posix', '--versioning-dir', place('versions'), place('data')],
    ],
    // By environment, so that the list of processes doesn't show them.
    environment: { ROOT_ACCESS_KEY: access.accessKeyId, ROOT_SECRET_KEY: access.secretAccessKey },
  }
}
