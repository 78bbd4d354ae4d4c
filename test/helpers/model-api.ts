import { createHash } from 'node:crypto'
import { isDeepStrictEqual } from 'node:util'
import { ApiError } from '../../src/kube/api-error.ts'
import type { KubeClient, PatchOptions } from '../../src/kube/client.ts'
import { keyFor, kindKey, kindOf } from '../../src/kube/kind-of.ts'
import type { Kind, KubeObject, Ref } from '../../src/kube/types.ts'
import { applyFields, type Owners, ownChanges } from './model/apply.ts'
import { type Call, CrashError, type Listener } from './model/call.ts'
import {
  conflict,
  dropEmpty,
  firstStatus,
  hasGeneration,
  hasStatus,
  idFor,
  invalid,
  notFound,
  type Tree,
  withoutIdentity,
  withoutTimes,
} from './model/facts.ts'
import { patchJson } from './model/json-patch.ts'
import { refuseInvalid, refuseUndeclared } from './model/schema.ts'

/**
 * An API server in memory, for tests that ask "and if it crashes right here?". It implements KubeClient, and of the server's behaviour what controllers
 * can trip over: uids, resourceVersions, 404, AlreadyExists, conflicts, JSON patch with `test`, server-side apply with owners of fields, /status
 * apart from the rest, the schemas of our CRDs (without their CEL rules), generation, finalizers, uid preconditions, ownerReferences, namespaces that are going, refusals by admission.
 *
 *     const api = new ModelApi()
 *     api.seed({apiVersion: 'v1', kind: 'Namespace', metadata: {name: 'vision'}})
 *     await drive(api, {controllers: () => [datasetController(config)], indexes, actors: [kubelet]})     // helpers/drive.ts
 *     api.find(kinds.Job, 'vision', 'granary-import-…')
 *
 * - `seed` puts an object there as it is, status included; `change` lets anybody else (a kubelet, a person) alter it, both without counting as a call.
 * - `calls` has every write; `fault` may make one fail, or "crash" before or after it.
 * - uids are made of kind, name and how often that name was used, so that two runs in another order give the same ones.
 * - The clock is `api.now`, in ms; it moves only when a test moves it.
 * - `watch` is not there: `drive` tells controllers of changes through `listen`.
 */
export class ModelApi implements KubeClient {
  now = Date.parse('2026-01-01T00:00:00Z')
  /** Every write, in order. */
  readonly calls: Call[] = []
  /** Lines of a pod's log by `namespace/name`. */
  readonly podLogs = new Map<string, string>()
  /** Asked before every write. Return 'before' or 'after' to crash there (CrashError), or throw an ApiError of your own. */
  fault: (call: Call) => 'before' | 'after' | undefined = () => undefined
  /** Asked before an object is stored; return a sentence to refuse it with 403. */
  admission: (object: KubeObject, verb: 'create' | 'update') => string | undefined = () => undefined

  readonly #objects = new Map<string, Stored>()
  readonly #incarnations = new Map<string, number>()
  readonly #listeners = new Set<Listener>()
  #version = 100

  /** Told of every change, after it: `object` undefined when it went, `old` undefined when it is new. */
  listen(listener: Listener): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** Puts an object there with everything that it says. */
  seed<T extends KubeObject>(object: T): T {
    return this.#insert(structuredClone(object), 'seed') as T
  }

  /** Somebody else alters an object, in place. Throws when it isn't there. */
  change<T extends KubeObject>(
    kind: Kind,
    namespace: string | undefined,
    name: string,
    alter: (object: T) => unknown,
  ): T {
    const stored = this.#objects.get(idFor(kind, namespace, name))
    if (!stored) throw new Error(`no ${kind.kind} ${keyFor(namespace, name)} in the model`)
    const copy = structuredClone(stored.object) as T
    alter(copy)
    return this.#update(stored, copy, 'someone') as T
  }

  /** Somebody else deletes an object: with finalizers it is Terminating until they are gone. A namespace takes its content along. */
  remove(kind: Kind, namespace: string | undefined, name: string): void {
    const stored = this.#objects.get(idFor(kind, namespace, name))
    if (stored) this.#delete(stored)
  }

  find<T extends KubeObject>(kind: Kind, namespace: string | undefined, name: string): T | undefined {
    return structuredClone(this.#objects.get(idFor(kind, namespace, name))?.object) as T | undefined
  }

  all<T extends KubeObject>(kind?: Kind, namespace?: string): T[] {
    const prefix = kind && `${kindKey(kind)}/`
    return [...this.#objects]
      .filter(
        ([id, { object }]) =>
          (prefix ? id.startsWith(prefix) : true) &&
          (namespace === undefined || object.metadata.namespace === namespace),
      )
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([, { object }]) => structuredClone(object) as T)
  }

  /** Everything as JSON, without times and resourceVersions, for comparing how two runs ended. */
  snapshot(leaveOut: (object: KubeObject) => boolean = () => false): Record<string, unknown> {
    const kept = this.all().filter((object) => !leaveOut(object))
    return Object.fromEntries(
      kept.map((object) => [
        idFor(kindOf(object), object.metadata.namespace, object.metadata.name),
        withoutTimes(object),
      ]),
    )
  }

  async get<T extends KubeObject>(ref: Ref): Promise<T> {
    return structuredClone(this.#stored(ref).object) as T
  }

  async list<T extends KubeObject>(kind: Kind, options: { namespace?: string; labelSelector?: string } = {}) {
    const labels = (options.labelSelector ?? '')
      .split(',')
      .filter(Boolean)
      .map((pair) => pair.split('=') as [string, string])
    const items = this.all<T>(kind, options.namespace).filter(({ metadata }) =>
      labels.every(([key, value]) => metadata.labels?.[key] === value),
    )
    return { items, resourceVersion: String(this.#version) }
  }

  async create<T extends KubeObject>(object: T, options: PatchOptions = {}): Promise<T> {
    return this.#call('create', kindOf(object), object.metadata.namespace, object.metadata.name, () => {
      const { status, ...rest } = structuredClone(object) as T & { status?: unknown }
      const stored = (
        hasStatus(object)
          ? { ...rest, ...firstStatus[object.kind] }
          : { ...rest, ...(status === undefined ? {} : { status }) }
      ) as T
      return this.#insert(stored, options.fieldManager ?? 'create') as T
    })
  }

  async apply<T extends KubeObject>(object: T, fieldManager: string): Promise<T> {
    const { namespace, name } = object.metadata
    return this.#call('apply', kindOf(object), namespace, name, () => {
      const { status: _, ...wanted } = structuredClone(object) as T & { status?: unknown; spec?: unknown }
      refuseUndeclared(object, 'spec', wanted.spec)
      const stored = this.#objects.get(idFor(kindOf(object), namespace, name))
      if (!stored) {
        if (object.metadata.uid !== undefined)
          throw conflict(
            `uid mismatch: the provided object specified uid ${object.metadata.uid}, and no existing object was found`,
          )
        const first = { ...wanted, ...(hasStatus(object) ? firstStatus[object.kind] : {}) }
        return this.#insert(first as unknown as KubeObject, `apply:${fieldManager}`) as T
      }
      this.#precondition(stored, object)
      return this.#applyTo(stored, wanted as unknown as Tree, `apply:${fieldManager}`) as T
    })
  }

  async applyStatus<T extends KubeObject>(
    object: T,
    status: Record<string, unknown>,
    fieldManager: string,
  ): Promise<T> {
    const { namespace, name } = object.metadata
    return this.#call('applyStatus', kindOf(object), namespace, name, () => {
      const stored = this.#stored({ kind: kindOf(object), name, ...(namespace ? { namespace } : {}) })
      this.#precondition(stored, object)
      refuseUndeclared(object, 'status', status)
      return this.#applyTo(stored, { status: structuredClone(status) }, `status:${fieldManager}`) as T
    })
  }

  async patch<T extends KubeObject>(
    ref: Ref,
    ops: Parameters<KubeClient['patch']>[1],
    options: PatchOptions = {},
  ): Promise<T> {
    return this.#call('patch', ref.kind, ref.namespace, ref.name, () => {
      const stored = this.#stored(ref)
      const patched = structuredClone(stored.object) as T & { status?: unknown }
      patchJson(patched, ops)
      const { status } = stored.object as { status?: unknown }
      const next = (
        options.subresource === 'status'
          ? { ...stored.object, status: patched.status }
          : hasStatus(patched)
            ? { ...patched, status }
            : patched
      ) as T
      if ((next as { status?: unknown }).status === undefined) delete (next as { status?: unknown }).status
      this.#admit(next, 'update')
      return this.#update(stored, next, options.fieldManager ?? 'patch') as T
    })
  }

  async delete(ref: Ref & { uid: string }): Promise<void> {
    return this.#call('delete', ref.kind, ref.namespace, ref.name, () => {
      const stored = this.#stored(ref)
      if (stored.object.metadata.uid !== ref.uid)
        throw conflict(
          `the UID in the precondition (${ref.uid}) does not match the UID in record (${stored.object.metadata.uid})`,
        )
      this.#delete(stored)
    })
  }

  // biome-ignore lint/correctness/useYield: the model has no watches, `listen` is its way
  async *watch(): AsyncGenerator<never, void, undefined> {
    throw new Error('the model has no watches: use listen')
  }

  async logs(namespace: string, pod: string, tailLines: number): Promise<string> {
    const log = this.podLogs.get(`${namespace}/${pod}`)
    if (log === undefined)
      throw notFound({ kind: { apiVersion: 'v1', kind: 'Pod', plural: 'pods', namespaced: true }, name: pod })
    return log
      .split(/(?<=\n)/)
      .slice(-tailLines)
      .join('')
  }

  async #call<R>(
    verb: Call['verb'],
    kind: Kind,
    namespace: string | undefined,
    name: string,
    run: () => R,
  ): Promise<R> {
    const call: Call = { n: this.calls.length + 1, verb, kind: kind.kind, key: keyFor(namespace, name) }
    this.calls.push(call)
    const crash = this.fault(call)
    if (crash === 'before') throw new CrashError(call, crash)
    const result = run()
    if (crash === 'after') throw new CrashError(call, crash)
    return structuredClone(result)
  }

  #stored(ref: Ref): Stored {
    const stored = this.#objects.get(idFor(ref.kind, ref.namespace, ref.name))
    if (!stored) throw notFound(ref)
    return stored
  }

  #precondition(stored: Stored, { metadata }: KubeObject) {
    const there = stored.object.metadata
    if (metadata.uid !== undefined && metadata.uid !== there.uid)
      throw conflict(`uid mismatch: ${metadata.uid} is not ${there.uid}`)
    if (metadata.resourceVersion !== undefined && metadata.resourceVersion !== there.resourceVersion)
      throw conflict('the object has been modified; please apply your changes to the latest version and try again')
  }

  #admit(object: KubeObject, verb: 'create' | 'update') {
    refuseInvalid(object)
    const refusal = this.admission(object, verb)
    if (refusal !== undefined) throw new ApiError(403, { reason: 'Forbidden', message: refusal })
  }

  #insert(object: KubeObject, manager: string): KubeObject {
    const { metadata } = object
    if (!metadata.name && metadata.generateName)
      metadata.name = `${metadata.generateName}${this.#count(`${object.kind}/${metadata.generateName}`)}`
    const id = idFor(kindOf(object), metadata.namespace, metadata.name)
    if (this.#objects.has(id))
      throw new ApiError(409, { reason: 'AlreadyExists', message: `${object.kind} "${metadata.name}" already exists` })
    if (manager !== 'seed') {
      this.#admit(object, 'create')
      const namespace = this.#objects.get(`namespaces/${metadata.namespace}`)
      if (namespace?.object.metadata.deletionTimestamp)
        throw new ApiError(403, {
          reason: 'Forbidden',
          message: `unable to create new content in namespace ${metadata.namespace} because it is being terminated`,
        })
    }
    dropEmpty(metadata)
    metadata.uid ??= createHash('sha256')
      .update(`${id}#${this.#count(id)}`)
      .digest('hex')
      .slice(0, 12)
    metadata.creationTimestamp ??= this.#time()
    if (hasGeneration(object)) metadata.generation ??= 1
    metadata.resourceVersion = String(++this.#version)
    const owners: Owners = new Map()
    ownChanges({}, withoutIdentity(object), manager, owners)
    this.#objects.set(id, { id, object, owners })
    this.#notify(object, undefined)
    this.#collectGarbage()
    return object
  }

  #applyTo(stored: Stored, wanted: Tree, manager: string): KubeObject {
    const next = structuredClone(stored.object)
    const owners: Owners = new Map([...stored.owners].map(([name, fields]) => [name, new Set(fields)]))
    applyFields(next as unknown as Tree, withoutIdentity(wanted), manager, owners)
    this.#admit(next, 'update')
    stored.owners = owners
    return this.#update(stored, next, undefined)
  }

  /** `manager` undefined: who owns what is settled already. */
  #update(stored: Stored, next: KubeObject, manager: string | undefined): KubeObject {
    const old = stored.object
    dropEmpty(next.metadata)
    const added = (next.metadata.finalizers ?? []).filter((each) => !old.metadata.finalizers?.includes(each))
    if (old.metadata.deletionTimestamp && added.length > 0 && manager !== 'someone')
      throw invalid(
        next,
        'metadata.finalizers',
        `Forbidden: no new finalizers can be added if the object is being deleted, found new finalizers ${added}`,
      )
    if (isDeepStrictEqual(JSON.parse(JSON.stringify(next)), JSON.parse(JSON.stringify(old)))) return old
    const changed = (field: string) =>
      !isDeepStrictEqual((old as unknown as Tree)[field], (next as unknown as Tree)[field])
    if (hasGeneration(next) && changed('spec')) next.metadata.generation = (old.metadata.generation ?? 0) + 1
    next.metadata.resourceVersion = String(++this.#version)
    if (manager) ownChanges(withoutIdentity(old), withoutIdentity(next), manager, stored.owners)
    stored.object = next
    if (next.metadata.deletionTimestamp && !next.metadata.finalizers?.length) this.#drop(stored)
    else this.#notify(next, old)
    return next
  }

  #delete(stored: Stored) {
    const { object } = stored
    const content =
      object.kind === 'Namespace'
        ? [...this.#objects.values()].filter(({ object: { metadata } }) => metadata.namespace === object.metadata.name)
        : []
    if (object.metadata.finalizers?.length || content.length > 0) {
      if (!object.metadata.deletionTimestamp) {
        const generation = hasGeneration(object) ? { generation: (object.metadata.generation ?? 0) + 1 } : {}
        const next = {
          ...object,
          metadata: {
            ...object.metadata,
            ...generation,
            deletionTimestamp: this.#time(),
            resourceVersion: String(++this.#version),
          },
        }
        stored.object = next
        this.#notify(next, object)
      }
      for (const each of content) if (this.#objects.has(each.id)) this.#delete(each)
      return
    }
    this.#drop(stored)
  }

  #drop(stored: Stored) {
    this.#objects.delete(stored.id)
    this.#version++
    this.#notify(undefined, stored.object)
    this.#collectGarbage()
    const { namespace } = stored.object.metadata
    const home = namespace === undefined ? undefined : this.#objects.get(`namespaces/${namespace}`)
    if (
      home?.object.metadata.deletionTimestamp &&
      !this.all(undefined, namespace).length &&
      !home.object.metadata.finalizers?.length
    )
      this.#drop(home)
  }

  /** Background: whoever has owners, all of them gone (a namespaced owner lives in the same namespace), goes too. */
  #collectGarbage() {
    const alive = new Map(
      [...this.#objects.values()].map(({ object: { metadata } }) => [metadata.uid, metadata.namespace]),
    )
    for (const stored of [...this.#objects.values()]) {
      const { ownerReferences, namespace, deletionTimestamp } = stored.object.metadata
      const holds = ({ uid }: { uid: string }) =>
        alive.has(uid) && (alive.get(uid) === undefined || alive.get(uid) === namespace)
      if (ownerReferences?.length && !deletionTimestamp && !ownerReferences.some(holds) && this.#objects.has(stored.id))
        this.#delete(stored)
    }
  }

  #notify(object: KubeObject | undefined, old: KubeObject | undefined) {
    for (const listener of this.#listeners) listener(structuredClone(object), structuredClone(old))
  }

  #count(name: string): number {
    const count = (this.#incarnations.get(name) ?? 0) + 1
    this.#incarnations.set(name, count)
    return count
  }

  #time(): string {
    return new Date(this.now).toISOString().replace(/\.\d+Z$/, 'Z')
  }
}

interface Stored {
  id: string
  object: KubeObject
  owners: Owners
}
