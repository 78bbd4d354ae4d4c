import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { createServer as createHttpServer, type IncomingMessage } from 'node:http'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { certificatePaths, createAuthority, createCertificate } from '../../scripts/cluster/certs.ts'

/** What EKS does for pods whose service account has a role: a webhook that gives them a projected token, and a token service that takes it. */
export interface RoleWebhook {
  /** A MutatingWebhookConfiguration for the pods of one namespace. */
  configuration(name: string, namespace: string): object
  /** Claims of the tokens that the token service was shown. */
  readonly shown: { aud?: string[]; sub?: string }[]
  stop(): Promise<void>
}

interface Pod {
  spec: { serviceAccountName?: string; containers: object[] }
}

const bodyOf = async (request: IncomingMessage): Promise<string> => {
  let body = ''
  for await (const part of request) body += part
  return body
}

const audience = 'sts.amazonaws.com'
const directory = '/var/run/secrets/eks.amazonaws.com/serviceaccount'

/** The changes that the webhook of EKS makes to a pod, as its documentation shows them. */
const changes = ({ spec }: Pod, account: string, sts: string): object[] => {
  if (spec.serviceAccountName !== account) return []
  const token = { serviceAccountToken: { audience, expirationSeconds: 86_400, path: 'token' } }
  const volume = { name: 'aws-iam-token', projected: { sources: [token] } }
  const env = {
    AWS_ROLE_ARN: 'arn:aws:iam::123456789012:role/reader',
    AWS_WEB_IDENTITY_TOKEN_FILE: `${directory}/token`,
    AWS_REGION: 'us-east-1',
    AWS_ENDPOINT_URL_STS: sts,
  }
  const add = (path: string, value: object) => ({ op: 'add', path, value })
  return [
    add('/spec/volumes/-', volume),
    ...spec.containers.flatMap((_, i) => [
      add(`/spec/containers/${i}/volumeMounts/-`, { name: volume.name, mountPath: directory, readOnly: true }),
      ...Object.entries(env).map(([name, value]) => add(`/spec/containers/${i}/env/-`, { name, value })),
    ]),
  ]
}

/** Serves on `host`. `account`: the service account that has the role; `keys`: what the token service hands out. */
export const startRoleWebhook = async (
  host: string,
  account: string,
  keys: { accessKeyId: string; secretAccessKey: string },
): Promise<RoleWebhook> => {
  const dir = await mkdtemp(join(tmpdir(), 'granary-webhook-'))
  await createAuthority(dir)
  await createCertificate(dir, { name: 'webhook', commonName: 'webhook', alternativeNames: [`IP:${host}`] })
  const paths = certificatePaths(dir, 'webhook')
  const shown: RoleWebhook['shown'] = []

  const tokens = createHttpServer(async (request, response) => {
    const token = new URLSearchParams(await bodyOf(request)).get('WebIdentityToken') ?? ''
    shown.push(JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString() || '{}'))
    const expiration = new Date(Date.now() + 3_600_000).toISOString()
    const credentials = `<AccessKeyId>${keys.accessKeyId}</AccessKeyId><SecretAccessKey>${keys.secretAccessKey}</SecretAccessKey><Expiration>${expiration}</Expiration>`
    const result = `<AssumeRoleWithWebIdentityResult><Credentials>${credentials}</Credentials></AssumeRoleWithWebIdentityResult>`
    response.writeHead(200, { 'content-type': 'text/xml' })
    response.end(`<AssumeRoleWithWebIdentityResponse>${result}</AssumeRoleWithWebIdentityResponse>`)
  })
  await new Promise<void>((listening) => tokens.listen(0, host, listening))
  const sts = `http://${host}:${(tokens.address() as AddressInfo).port}`

  const tls = { cert: await readFile(paths.certificate), key: await readFile(paths.key) }
  const webhook = createServer(tls, async (incoming, response) => {
    const { request } = JSON.parse(await bodyOf(incoming)) as { request: { uid: string; object: Pod } }
    const patch = Buffer.from(JSON.stringify(changes(request.object, account, sts))).toString('base64')
    const answer = { uid: request.uid, allowed: true, patchType: 'JSONPatch', patch }
    response.writeHead(200, { 'content-type': 'application/json' })
    response.end(JSON.stringify({ apiVersion: 'admission.k8s.io/v1', kind: 'AdmissionReview', response: answer }))
  })
  await new Promise<void>((listening) => webhook.listen(0, host, listening))
  const caBundle = (await readFile(join(dir, 'ca.crt'))).toString('base64')
  const { port } = webhook.address() as AddressInfo

  return {
    shown,
    configuration: (name, namespace) => ({
      apiVersion: 'admissionregistration.k8s.io/v1',
      kind: 'MutatingWebhookConfiguration',
      metadata: { name },
      webhooks: [
        {
          name: 'roles.granary.test',
          clientConfig: { url: `https://${host}:${port}/`, caBundle },
          namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': namespace } },
          rules: [{ apiGroups: [''], apiVersions: ['v1'], operations: ['CREATE'], resources: ['pods'] }],
          failurePolicy: 'Ignore',
          sideEffects: 'None',
          admissionReviewVersions: ['v1'],
        },
      ],
    }),
    stop: async () => {
      for (const server of [tokens, webhook]) server.closeAllConnections()
      await Promise.all([tokens, webhook].map((server) => new Promise((closed) => server.close(closed))))
      await rm(dir, { recursive: true, force: true })
    },
  }
}
