import { resolve } from 'node:path'
import { statePaths } from './paths.ts'
import { readS3Access } from './s3.ts'
import { findSandbox } from './sandbox.ts'

/** KUBECONFIG when the user points it at a cluster that isn't this one; undefined otherwise. */
export const otherCluster = (): string | undefined => {
  const chosen = process.env.KUBECONFIG
  return chosen && resolve(chosen) !== statePaths.kubeconfig ? chosen : undefined
}

const s3Names = ['AWS_ENDPOINT_URL_S3', 'AWS_REGION', 'AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY'] as const

export type ClusterEnvironment = Record<'KUBECONFIG' | (typeof s3Names)[number], string>

/**
 * How to reach cluster and S3 server, as environment variables. With another cluster in KUBECONFIG the S3 server must
 * be given too, since that cluster's pods can't reach one on this machine.
 */
export const clusterEnvironment = (): ClusterEnvironment => {
  const other = otherCluster()
  if (other) {
    const missing = s3Names.filter((name) => !process.env[name])
    if (missing.length > 0) {
      throw new Error(`KUBECONFIG names ${other}; set ${missing.join(', ')} to an S3 server that its pods reach.`)
    }
    const given = Object.fromEntries(s3Names.map((name) => [name, process.env[name] ?? '']))
    return { KUBECONFIG: other, ...given } as ClusterEnvironment
  }
  if (!findSandbox()) throw new Error('No cluster runs: npm run cluster -- up')
  const access = readS3Access()
  return {
    KUBECONFIG: statePaths.kubeconfig,
    AWS_ENDPOINT_URL_S3: access.endpoint,
    AWS_REGION: access.region,
    AWS_ACCESS_KEY_ID: access.accessKeyId,
    AWS_SECRET_ACCESS_KEY: access.secretAccessKey,
  }
}
