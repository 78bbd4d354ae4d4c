import { readFileSync } from 'node:fs'
import { Agent, fetch } from 'undici'
import { certificatePaths } from './certs.ts'
import { apiServerUrl } from './control-plane.ts'
import { statePaths } from './paths.ts'

/** A Kubernetes object as far as the cluster's own tools look at it. */
export interface KubeObject {
  apiVersion: string
  kind: string
  metadata: {
    name: string
    namespace?: string
    uid?: string
    resourceVersion?: string
    deletionTimestamp?: string
    annotations?: Record<string, string>
  }
}

/** An answer of the API server that is not a success; `code` is the HTTP status. */
export class ApiFailure extends Error {
  readonly code: number
  constructor(code: number, message: string) {
    super(message)
    this.code = code
  }
}

/** The administrator's connection to the test cluster. Paths are as in the API: `/api/v1/pods`. */
export interface ClusterApi {
  get<T>(path: string): Promise<T>
  /** Like `get`, with undefined for 404. */
  find<T>(path: string): Promise<T | undefined>
  create<T>(path: string, object: unknown): Promise<T>
  patch<T>(path: string, mergePatch: unknown): Promise<T>
  /** Server-side apply of one object at its own path. */
  apply<T>(path: string, object: unknown): Promise<T>
  /** Deletes; 404 is success. */
  remove(path: string, preconditions?: { uid?: string; resourceVersion?: string }): Promise<void>
  /** Text of a path that isn't JSON, a log for example. */
  text(path: string): Promise<string>
  close(): Promise<void>
}

/** Opens the administrator's connection. */
export const openApi = (): ClusterApi => {
  const admin = certificatePaths(statePaths.certificates, 'admin')
  const pem = (path: string) => readFileSync(path, 'utf8')
  const ca = pem(certificatePaths(statePaths.certificates, 'ca').certificate)
  const dispatcher = new Agent({ connect: { ca, cert: pem(admin.certificate), key: pem(admin.key) } })
  const text = async (path: string, method = 'GET', body?: unknown, type = 'application/json') => {
    const request = { method, dispatcher, headers: { 'content-type': type } }
    const init = body === undefined ? request : { ...request, body: JSON.stringify(body) }
    const response = await fetch(`${apiServerUrl}${path}`, init)
    const answer = await response.text()
    if (!response.ok) throw new ApiFailure(response.status, `${method} ${path}: ${response.status} ${answer}`)
    return answer
  }
  const json = async <T>(...args: Parameters<typeof text>) => JSON.parse(await text(...args)) as T
  const unlessMissing = (error: unknown): undefined => {
    if (error instanceof ApiFailure && error.code === 404) return undefined
    throw error
  }
  return {
    text: (path) => text(path),
    get: (path) => json(path),
    find: <T>(path: string) => json<T>(path).catch(unlessMissing),
    create: (path, object) => json(path, 'POST', object),
    patch: (path, mergePatch) => json(path, 'PATCH', mergePatch, 'application/merge-patch+json'),
    apply: (path, object) =>
      json(`${path}?fieldManager=granary-cluster&force=true`, 'PATCH', object, 'application/apply-patch+yaml'),
    remove: async (path, preconditions = {}) => {
      const options = { apiVersion: 'v1', kind: 'DeleteOptions', propagationPolicy: 'Background', preconditions }
      await text(path, 'DELETE', options).catch(unlessMissing)
    },
    close: () => dispatcher.close(),
  }
}
