import { createSign, generateKeyPairSync } from 'node:crypto'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/**
 * What a cloud has around its pods, as one small server: an OpenID provider whose tokens MinIO trusts (EKS with IRSA), an agent for pod identity, the
 * metadata server of an instance (IMDSv2), Google's metadata server, and Google's token service. The credentials that come of it are MinIO's own.
 */
export interface CloudIdentity {
  /** Of the OpenID provider, for `startMinio`. */
  readonly openid: string
  /** Everything issued so far that must not be printed. */
  readonly secrets: string[]
  /** Requests that came, as `METHOD path`. */
  readonly log: string[]
  /** The file that a webhook would mount, with a token that MinIO takes. */
  tokenFile: string
  /** What EKS' webhook for IRSA puts into a pod. */
  webIdentity(sts: string): Record<string, string>
  /** What EKS puts into a pod with a pod identity association. `sts`: who really issues. */
  podIdentity(sts: string): Record<string, string>
  /** What finds the metadata server of an instance. `sts`: who really issues. */
  instanceProfile(sts: string): Record<string, string>
  /** What finds the metadata server of Google. */
  metadata(): Record<string, string>
  /** The file that Google gives for workload identity federation: the token of the pod is exchanged for one of Google. */
  federation(): string
  /** The next credentials of the agent or of the instance, or tokens of Google: as they are, ending in a moment, refused by the store, or none (503). */
  next: ('good' | 'brief' | 'wrong' | 'down')[]
  stop(): Promise<void>
}

const base64url = (value: object | Buffer) =>
  Buffer.from(Buffer.isBuffer(value) ? value : JSON.stringify(value)).toString('base64url')

const bodyOf = async (request: IncomingMessage): Promise<string> => {
  let body = ''
  for await (const part of request) body += part
  return body
}

const textOf = (xml: string, name: string) => new RegExp(`<${name}>([^<]*)</${name}>`).exec(xml)?.[1] ?? ''

export const startCloudIdentity = async (): Promise<CloudIdentity> => {
  const dir = await mkdtemp(join(tmpdir(), 'granary-cloud-'))
  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const secrets: string[] = []
  const log: string[] = []
  const next: CloudIdentity['next'] = []
  let sts = ''
  let issuer = ''
  const agentToken = 'the-token-of-the-pod-for-its-agent'
  const sessionToken = 'the-session-with-the-metadata-server'

  const webToken = () => {
    const now = Math.floor(Date.now() / 1000)
    const claims = {
      iss: issuer,
      aud: 'sts.amazonaws.com',
      sub: 'mover',
      policy: 'readwrite',
      iat: now,
      exp: now + 3600,
    }
    const signed = `${base64url({ alg: 'RS256', typ: 'JWT', kid: 'test' })}.${base64url(claims)}`
    return `${signed}.${base64url(createSign('RSA-SHA256').update(signed).sign(privateKey))}`
  }

  /** Session credentials of MinIO, for the web token, as the agent of pod identity hands them out. */
  const sessionKeys = async (kind: CloudIdentity['next'][number]) => {
    const query = new URLSearchParams({ Action: 'AssumeRoleWithWebIdentity', Version: '2011-06-15' })
    query.set('WebIdentityToken', webToken())
    const answer = await (await fetch(sts, { method: 'POST', body: query })).text()
    const token = textOf(answer, 'SessionToken')
    const end = Date.now() + (kind === 'brief' ? 1000 : 3_600_000)
    const keys = {
      AccessKeyId: textOf(answer, 'AccessKeyId'),
      SecretAccessKey: textOf(answer, 'SecretAccessKey'),
      Token: kind === 'wrong' ? `${token.slice(0, -8)}AAAAAAAA` : token,
      Expiration: new Date(end).toISOString(),
    }
    secrets.push(keys.SecretAccessKey, keys.Token)
    return keys
  }

  const googleToken = (kind: CloudIdentity['next'][number]) => {
    const token = `ya29.${kind}-${secrets.length}-token-of-google`
    secrets.push(token)
    return { access_token: token, expires_in: kind === 'brief' ? 1 : 3600, token_type: 'Bearer' }
  }

  const instance = '/latest/meta-data/iam/security-credentials'
  const answers: Record<string, (kind: CloudIdentity['next'][number]) => Promise<object | string> | object | string> = {
    '/.well-known/openid-configuration': () => ({
      issuer,
      jwks_uri: `${issuer}/keys`,
      authorization_endpoint: `${issuer}/authorize`,
      token_endpoint: `${issuer}/token`,
      response_types_supported: ['id_token'],
      subject_types_supported: ['public'],
      id_token_signing_alg_values_supported: ['RS256'],
    }),
    '/keys': () => ({ keys: [{ ...publicKey.export({ format: 'jwk' }), kid: 'test', use: 'sig', alg: 'RS256' }] }),
    '/pod-identity': sessionKeys,
    '/latest/api/token': () => sessionToken,
    [instance]: () => 'mover',
    [`${instance}/mover`]: async (kind) => ({ Code: 'Success', Type: 'AWS-HMAC', ...(await sessionKeys(kind)) }),
    '/computeMetadata/v1/instance/service-accounts/default/token': googleToken,
    '/sts/v1/token': (kind) => ({
      ...googleToken(kind),
      issued_token_type: 'urn:ietf:params:oauth:token-type:access_token',
    }),
    '/computeMetadata/v1/instance': () => ({}),
  }
  const issuing = (path: string) =>
    ['/pod-identity', `${instance}/mover`].includes(path) || /^\/(computeMetadata|sts)\/.*\/token$/.test(path)

  /** Whether whoever asks may: each service wants something of its own. */
  const admits = async (path: string, { method, headers }: IncomingMessage, body: string): Promise<boolean> => {
    if (path === '/pod-identity') return headers.authorization === agentToken
    // Version 2: a session comes first, and only by PUT.
    if (path === '/latest/api/token')
      return method === 'PUT' && headers['x-aws-ec2-metadata-token-ttl-seconds'] !== undefined
    if (path.startsWith('/latest/')) return headers['x-aws-ec2-metadata-token'] === sessionToken
    if (path === '/sts/v1/token')
      return new URLSearchParams(body).get('subject_token') === (await readFile(tokenFile, 'utf8'))
    return true
  }

  const handle = async (request: IncomingMessage, response: ServerResponse) => {
    const path = new URL(request.url ?? '/', 'http://cloud').pathname.replace(/(.)\/$/, '$1')
    log.push(`${request.method} ${path}`)
    const kind = issuing(path) ? (next.shift() ?? 'good') : 'good'
    const answer = answers[path]
    const allowed = await admits(path, request, await bodyOf(request))
    const status = answer === undefined ? 404 : kind === 'down' ? 503 : allowed ? 200 : 401
    const said = status === 200 ? await answer?.(kind) : {}
    const type = typeof said === 'string' ? 'text/plain' : 'application/json'
    response.writeHead(status, { 'content-type': type, 'metadata-flavor': 'Google' })
    response.end(typeof said === 'string' ? said : JSON.stringify(said))
  }
  const server = createServer((request, response) => {
    handle(request, response).catch(() => response.destroy())
  })
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening))
  issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const tokenFile = join(dir, 'token')
  await writeFile(tokenFile, webToken())
  const agentFile = join(dir, 'agent-token')
  await writeFile(agentFile, agentToken)

  return {
    openid: `${issuer}/.well-known/openid-configuration`,
    secrets,
    log,
    next,
    tokenFile,
    webIdentity: (endpoint) => ({
      AWS_ROLE_ARN: 'arn:aws:iam::123456789012:role/mover',
      AWS_WEB_IDENTITY_TOKEN_FILE: tokenFile,
      AWS_REGION: 'us-east-1',
      AWS_ENDPOINT_URL_STS: endpoint,
    }),
    podIdentity: (endpoint) => {
      sts = endpoint
      return {
        AWS_CONTAINER_CREDENTIALS_FULL_URI: `${issuer}/pod-identity`,
        AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE: agentFile,
        AWS_REGION: 'us-east-1',
      }
    },
    instanceProfile: (endpoint) => {
      sts = endpoint
      return { AWS_EC2_METADATA_DISABLED: 'false', AWS_EC2_METADATA_SERVICE_ENDPOINT: issuer, AWS_REGION: 'us-east-1' }
    },
    federation: () =>
      JSON.stringify({
        type: 'external_account',
        audience: '//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/pool/providers/cluster',
        subject_token_type: 'urn:ietf:params:oauth:token-type:jwt',
        token_url: `${issuer}/sts/v1/token`,
        credential_source: { file: tokenFile },
      }),
    metadata: () => ({ GCE_METADATA_HOST: new URL(issuer).host }),
    stop: async () => {
      server.closeAllConnections()
      await new Promise((closed) => server.close(closed))
      await rm(dir, { recursive: true, force: true })
    },
  }
}
