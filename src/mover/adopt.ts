import { layoutKey, versionsPrefix } from '../manifest/keys.ts'
import type { CommitRecord } from '../manifest/types.ts'
import type { ObjectStore } from '../stores/object-store.ts'
import { claimDirectory, readCommit } from '../transfer/commit.ts'
import { readSmall } from '../transfer/read-small.ts'
import type { DoneOf, MoveDeps, SpecOf } from './deps.ts'

/** Versions in one result: what a termination message can hold. */
const page = 10

/** Numbers of all committed versions below `before`, newest first. A listing sorts v10 before v2, so all numbers are kept: they are small. */
const numbersBelow = async (store: ObjectStore, prefix: string, before: number, signal: AbortSignal) => {
  const found: number[] = []
  for await (const { key } of store.list(versionsPrefix(prefix), { signal })) {
    const match = /^v([1-9]\d*)\.json$/.exec(key.slice(versionsPrefix(prefix).length))
    const n = Number(match?.[1] ?? Number.NaN)
    if (n < before) found.push(n)
  }
  return found.sort((a, b) => b - a)
}

const described = (record: CommitRecord): DoneOf<'Adopt'>['versions'][number] => ({
  n: record.sequence,
  digest: record.digest,
  root: record.root,
  files: record.files,
  bytes: record.bytes,
  at: record.createdAt,
  ...(record.parent === undefined ? {} : { parent: record.parent }),
  ...(record.message === undefined ? {} : { message: record.message.slice(0, 100) }),
  ...(record.import === undefined ? {} : { import: record.import }),
})

/** The most that ten versions may take of a result's 3,500 bytes. */
const mostBytes = 3000

/** Takes a Dataset's directory over if that is needed and allowed, and tells its committed versions, newest first, some at a time. */
export const runAdopt = async (deps: MoveDeps, spec: SpecOf<'Adopt'>): Promise<DoneOf<'Adopt'>> => {
  const { signal } = deps
  const store = await deps.openStore(spec.store)
  const prefix = spec.store.prefix
  // A directory that nobody has stays so: its first commit claims it. So a Dataset that never made a version leaves nothing that asks for adoption.
  if (await readSmall(store, layoutKey(prefix), signal))
    await claimDirectory(store, prefix, spec.dataset, () => new Date(), signal)
  const numbers = await numbersBelow(store, prefix, spec.before ?? Number.POSITIVE_INFINITY, signal)
  const versions: DoneOf<'Adopt'>['versions'] = []
  for (const n of numbers.slice(0, page)) {
    const record = await readCommit(store, prefix, n, signal)
    if (record) versions.push(described(record))
    if (Buffer.byteLength(JSON.stringify(versions)) <= mostBytes) continue
    versions.pop()
    return { op: 'Adopt', outcome: 'Done', versions, more: true }
  }
  return { op: 'Adopt', outcome: 'Done', versions, more: numbers.length > page }
}
