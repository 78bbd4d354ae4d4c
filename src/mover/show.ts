import type { MoveLocation } from '../api/move.ts'
import type { ObjectStore } from '../stores/object-store.ts'
import { readCommit } from '../transfer/commit.ts'
import { type Compared, compareVersions, fileSide } from '../transfer/compare-versions.ts'
import { entriesAt } from '../transfer/entries-at.ts'
import { fetchRoot, shardsOf } from '../transfer/manifest-store.ts'
import type { DoneOf, MoveDeps, Run, SpecOf } from './deps.ts'

/** A log is kept only so long: what comes after is counted, and left out. */
const mostLines = 40_000

type Spec = SpecOf<'Show'>

const open = async (
  { signal }: MoveDeps,
  store: ObjectStore,
  { prefix }: MoveLocation,
  root: string,
): Promise<Compared> => ({
  root: await fetchRoot(store, prefix, root, signal),
  fetch: shardsOf(store, prefix, signal),
})

const changes = async (
  deps: MoveDeps,
  spec: Spec,
  store: ObjectStore,
  tell: (line: object) => void,
): Promise<Partial<DoneOf<'Show'>>> => {
  if (spec.to === undefined) return {}
  const otherPlace = spec.other ?? spec.store
  const other = spec.other === undefined ? store : await deps.openStore(spec.other)
  const before = await open(deps, store, spec.store, spec.version.root)
  const after = await open(deps, other, otherPlace, spec.to.root)
  return { summary: await compareVersions(before, after, tell) }
}

const files = async (deps: MoveDeps, spec: Spec, store: ObjectStore, tell: (line: object) => void): Promise<void> => {
  const version = await open(deps, store, spec.store, spec.version.root)
  for await (const entry of entriesAt(version, spec.path ?? '')) tell({ path: entry.p, ...fileSide(entry) })
}

/** Reads manifests and records for a person who has no key of the store, and says line by line in its log what is there. */
export const show: Run<'Show'> = async (deps, spec) => {
  const { log, signal } = deps
  const store = await deps.openStore(spec.store)
  let lines = 0
  const tell = (shown: object) => {
    lines++
    if (lines <= mostLines) log.info({ shown })
  }
  const more: Partial<DoneOf<'Show'>> = {}
  if (spec.what === 'Changes') Object.assign(more, await changes(deps, spec, store, tell))
  else if (spec.what === 'Files') await files(deps, spec, store, tell)
  else tell((await readCommit(store, spec.store.prefix, spec.version.sequence, signal)) ?? {})
  return { op: 'Show', outcome: 'Done', lines, ...more }
}
