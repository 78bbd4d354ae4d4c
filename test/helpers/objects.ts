import { readFile } from 'node:fs/promises'
import { Agent, fetch } from 'undici'
import { parse, parseAllDocuments } from 'yaml'
import type { ApiServer } from './api-server.ts'

export interface Answer {
  status: number
  /** The object, or metav1.Status with `message`. */
  body: Record<string, unknown> & { message?: string }
}

export interface Manifest {
  apiVersion: string
  kind: string
  metadata: { name?: string; namespace?: string; generateName?: string; [key: string]: unknown }
  [key: string]: unknown
}

interface ApiResource {
  name: string
  kind: string
  namespaced: boolean
}

/** What kubectl does with manifests, on raw HTTP: server-side apply, create, replace, patch. */
export interface Objects {
  apply(object: Manifest, options?: { dryRun?: boolean; status?: boolean; manager?: string }): Promise<Answer>
  create(object: Manifest): Promise<Answer>
  /** JSON merge patch. */
  merge(object: Manifest, patch: unknown, options?: { status?: boolean }): Promise<Answer>
  get(object: Manifest): Promise<Answer>
  remove(object: Manifest): Promise<Answer>
  /** Applies the CRDs of this repository and waits until they are served. */
  installCrds(): Promise<void>
  close(): Promise<void>
}

const crdDirectory = `${import.meta.dirname}/../../crds`
const crdFiles = ['datasets', 'datasetversions', 'storageproviders', 'volumecaches']

export const readManifests = async (path: string): Promise<Manifest[]> =>
  parseAllDocuments(await readFile(path, 'utf8'), { version: '1.1' })
    .map((document) => document.toJS() as Manifest | null)
    .filter((manifest) => manifest !== null)

const isEstablished = (answer: Answer): boolean => {
  const conditions = (answer.body.status as { conditions?: { type: string; status: string }[] } | undefined)?.conditions
  return conditions?.some((condition) => condition.type === 'Established' && condition.status === 'True') ?? false
}

export const connectObjects = (server: ApiServer): Objects => {
  const dispatcher = new Agent({ connect: server.credentials })
  const discovered = new Map<string, Promise<ApiResource[]>>()

  const request = async (method: string, path: string, body?: unknown, type = 'application/json'): Promise<Answer> => {
    const response = await fetch(`${server.url}${path}`, {
      method,
      dispatcher,
      headers: { 'content-type': type, accept: 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    })
    return { status: response.status, body: (await response.json()) as Answer['body'] }
  }

  const root = (apiVersion: string) => (apiVersion.includes('/') ? `/apis/${apiVersion}` : `/api/${apiVersion}`)

  const discover = async (apiVersion: string): Promise<ApiResource[]> => {
    const answer = await request('GET', root(apiVersion))
    if (answer.status !== 200) throw new Error(`${apiVersion} is not served: ${answer.body.message}`)
    return answer.body.resources as ApiResource[]
  }

  const collection = async (object: Manifest): Promise<string> => {
    const resources = discovered.get(object.apiVersion) ?? discover(object.apiVersion)
    discovered.set(object.apiVersion, resources)
    const found = (await resources).find((r) => r.kind === object.kind && !r.name.includes('/'))
    if (!found) throw new Error(`no kind ${object.kind} in ${object.apiVersion}`)
    const namespace = found.namespaced ? `/namespaces/${object.metadata.namespace ?? 'default'}` : ''
    return `${root(object.apiVersion)}${namespace}/${found.name}`
  }
  const path = async (object: Manifest) => `${await collection(object)}/${object.metadata.name}`

  const objects: Objects = {
    async apply(object, options = {}) {
      const query = `fieldManager=${options.manager ?? 'test'}&force=true&fieldValidation=Strict${options.dryRun ? '&dryRun=All' : ''}`
      const where = `${await path(object)}${options.status ? '/status' : ''}`
      return request('PATCH', `${where}?${query}`, object, 'application/apply-patch+yaml')
    },
    create: async (object) => request('POST', `${await collection(object)}?fieldValidation=Strict`, object),
    merge: async (object, patch, options = {}) =>
      request(
        'PATCH',
        `${await path(object)}${options.status ? '/status' : ''}`,
        patch,
        'application/merge-patch+json',
      ),
    get: async (object) => request('GET', await path(object)),
    remove: async (object) => request('DELETE', await path(object)),
    async installCrds() {
      for (const name of crdFiles) {
        const crd = parse(await readFile(`${crdDirectory}/${name}.yaml`, 'utf8'), { version: '1.1' }) as Manifest
        const answer = await objects.apply(crd)
        if (answer.status >= 300) throw new Error(`${name}: ${answer.body.message}`)
        while (!isEstablished(await objects.get(crd))) await new Promise((resolve) => setTimeout(resolve, 50))
      }
      discovered.clear()
    },
    close: () => dispatcher.close(),
  }
  return objects
}
