import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { S3Client } from '@aws-sdk/client-s3'
import type { Kind, KubeObject } from '../../src/api/meta.ts'
import { ApiError } from '../../src/kube/api-error.ts'
import type { KubeClient } from '../../src/kube/client.ts'
import { connect as reach } from '../../src/kube/connection.ts'
import { createClient } from '../../src/kube/http-client.ts'
import { programPath } from '../cluster/programs.ts'

/** A person at a keyboard: a cluster that is up, kubectl, and the S3 server beside it. What the demo and the end-to-end tests work with. */
export interface Session {
  kube: KubeClient
  s3: S3Client
  /** As `cluster env` prints it: KUBECONFIG and the AWS variables. */
  env: Record<string, string>
  /** Runs kubectl and gives its stdout; rejects with its stderr. */
  kubectl(args: string[], input?: string): Promise<string>
  /** kubectl apply of YAML or of objects. */
  apply(input: string | object | object[]): Promise<void>
  /** undefined if it isn't there. */
  get<T extends KubeObject>(kind: Kind, namespace: string | undefined, name: string): Promise<T | undefined>
  list<T extends KubeObject>(kind: Kind, namespace?: string, labelSelector?: string): Promise<T[]>
}

export class KubectlError extends Error {}

const run = (program: string, args: string[], env: Record<string, string>, input?: string): Promise<string> =>
  new Promise((resolve, reject) => {
    const child = spawn(program, args, { env: { ...process.env, ...env }, stdio: ['pipe', 'pipe', 'pipe'] })
    let [out, err] = ['', '']
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      out += text
    })
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      err += text
    })
    child.once('error', reject)
    child.once('close', (code) => {
      if (code === 0) resolve(out)
      else reject(new KubectlError(`kubectl ${args.slice(0, 4).join(' ')}: ${err.trim() || `exit ${code}`}`))
    })
    child.stdin.end(input ?? '')
  })

/** `env`: as `clusterEnvironment` gives it. */
export const connect = (env: Record<string, string>): Session => {
  const kube = createClient({ connection: reach(env.KUBECONFIG) })
  const program = existsSync(programPath('kubectl')) ? programPath('kubectl') : 'kubectl'
  const s3 = new S3Client({
    endpoint: env.AWS_ENDPOINT_URL_S3 ?? '',
    region: env.AWS_REGION ?? 'us-east-1',
    forcePathStyle: true,
    credentials: { accessKeyId: env.AWS_ACCESS_KEY_ID ?? '', secretAccessKey: env.AWS_SECRET_ACCESS_KEY ?? '' },
  })
  const kubectl = (args: string[], input?: string) => run(program, args, env, input)
  return {
    kube,
    s3,
    env,
    kubectl,
    apply: async (input) => {
      const items = Array.isArray(input) ? input : [input]
      const text = typeof input === 'string' ? input : JSON.stringify({ apiVersion: 'v1', kind: 'List', items })
      await kubectl(['apply', '-f', '-'], text)
    },
    get: async (kind, namespace, name) => {
      try {
        return await kube.get({ kind, ...(namespace === undefined ? {} : { namespace }), name })
      } catch (error) {
        if (error instanceof ApiError && error.isNotFound) return undefined
        throw error
      }
    },
    list: async <T extends KubeObject>(kind: Kind, namespace?: string, labelSelector?: string) => {
      const options = {
        ...(namespace === undefined ? {} : { namespace }),
        ...(labelSelector === undefined ? {} : { labelSelector }),
      }
      return (await kube.list<T>(kind, options)).items
    },
  }
}

/**
 * Looks twice a second until `probe` gives something other than undefined or false; then that.
 * Rejects after `seconds` with what was waited for and what `explain` tells of the state by then.
 */
export const until = async <T>(
  what: string,
  probe: () => Promise<T | undefined | false>,
  options: { seconds?: number; explain?: () => Promise<string> } = {},
): Promise<T> => {
  const seconds = options.seconds ?? 120
  const deadline = Date.now() + seconds * 1000
  for (;;) {
    const seen = await probe()
    if (seen !== undefined && seen !== false) return seen
    if (Date.now() > deadline) {
      const state = options.explain === undefined ? '' : `\n${await options.explain()}`
      throw new Error(`waited ${seconds} s for ${what}${state}`)
    }
    await sleep(500)
  }
}
