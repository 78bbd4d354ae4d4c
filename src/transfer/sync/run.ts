import type { MoveFailureReason } from '../../api/move-result.ts'
import { Buffers } from '../../lib/buffers.ts'
import { failureOf, MoveFailure } from '../../mover/failure.ts'
import { makeBudget } from '../budget.ts'
import { type Filter, makeFilter } from '../filter.ts'
import { KeyRules } from '../keys.ts'
import { type Action, type Item, type Known, plan } from '../plan.ts'
import { forEach } from '../pool.ts'
import { ahead } from './ahead.ts'
import type { BigUploads } from './big-uploads.ts'
import { compareFile } from './compare.ts'
import { copyFile } from './copy-file.ts'
import { type Destination, isStore, placeOf, type Source, type StoreEnd } from './ends.ts'
import { type LocalProblem, listLocal } from './local-list.ts'
import type { SyncProgress } from './progress.ts'
import type { SyncRecord } from './record.ts'
import { listDestination, listStore, wanted } from './store-list.ts'
import { openTree, type TreeWriter, withTree } from './tree-file.ts'

export interface Syncing {
  from: Source
  to: Destination
  record: SyncRecord
  uploads: BigUploads
  /** Of a destination in a store. */
  tree: TreeWriter
  include?: string[] | undefined
  exclude?: string[] | undefined
  /** Delete at the destination what the source lacks. */
  prune: boolean
}

export interface Synced {
  /** What the source has, and the destination has now. */
  files: number
  bytes: number
  digest: string
  /** Of them, what was copied. */
  moved: number
  movedBytes: number
  unchanged: number
  /** Deleted at the destination, and left there although the source lacks it. */
  removed: number
  extra: number
  /** Objects that only stand for a directory. */
  skipped: number
  warnings: string[]
}

/** Actions that wait for their turn. */
const lookahead = 10_000
const budgetBytes = 96 * 1024 * 1024
const fileBytes = 32 * 1024 * 1024
const removeBatch = 1000
/** Failures of single files after which the others aren't tried any more. */
const mostFailures = 100
/** Failures that concern one file: the others can go on. */
const single = new Set<MoveFailureReason>(['SourceDrifted', 'Corrupt', 'DestinationChanged', 'UnreadableFiles'])

class Run {
  readonly #syncing: Syncing
  readonly #progress: SyncProgress
  readonly #filter: Filter
  readonly #rules: KeyRules
  readonly #refused: LocalProblem[] = []
  readonly #failures: MoveFailure[] = []
  readonly #surplus: string[] = []
  readonly #buffers = new Buffers()
  /** What has something in its way that is to be deleted. */
  readonly #blocked: Action[] = []
  readonly done: Omit<Synced, 'files' | 'bytes' | 'digest'> = {
    moved: 0,
    movedBytes: 0,
    unchanged: 0,
    removed: 0,
    extra: 0,
    skipped: 0,
    warnings: [],
  }
  #planned = { files: 0, bytes: 0 }
  #pruned = false

  constructor(syncing: Syncing, progress: SyncProgress) {
    this.#syncing = syncing
    this.#progress = progress
    this.#filter = makeFilter(syncing)
    this.#rules = new KeyRules(isStore(syncing.from) ? syncing.from.prefix : '', this.#filter)
  }

  #source(signal: AbortSignal): AsyncIterable<Item[]> {
    const { from } = this.#syncing
    if (isStore(from)) return this.#stored(from, listStore(from, this.#rules, signal), signal)
    const refuse = (problem: LocalProblem) => {
      if (this.#filter(problem.p)) this.#refused.push(problem)
    }
    return wanted(listLocal(from.root, refuse, signal), this.#filter)
  }

  async *#stored(end: StoreEnd, objects: AsyncIterable<Item[]>, signal: AbortSignal): AsyncGenerator<Item[]> {
    yield* withTree(objects, await openTree(end, signal), this.#filter)
  }

  #there(signal: AbortSignal): AsyncIterable<Item[]> {
    const { to } = this.#syncing
    if (isStore(to)) return this.#stored(to, listDestination(to, this.#filter, signal), signal)
    // What can't be copied is in nobody's way until a file has to take its place.
    return wanted(
      listLocal(to.target.root, () => {}, signal),
      this.#filter,
    )
  }

  /** The actions that take time; the others are done as they come. */
  async *#work(signal: AbortSignal): AsyncGenerator<Action[]> {
    const { record } = this.#syncing
    for await (const actions of plan(this.#source(signal), record.known(), this.#there(signal))) {
      const rest = actions.filter((action) => !this.#settled(action))
      this.#progress.expect(this.#planned.files, this.#planned.bytes, false)
      if (rest.length > 0) yield rest
    }
    this.#progress.expect(this.#planned.files, this.#planned.bytes, true)
  }

  #settled(action: Action): boolean {
    if (action.do === 'remove') {
      if (action.known) this.#syncing.record.forget(action.p)
      if (action.there) this.#superfluous(action.there)
      return true
    }
    this.#noteTree(action.do === 'keep' ? action.known : action.source)
    const size = action.do === 'keep' ? action.known.size : action.source.size
    this.#planned.files++
    this.#planned.bytes += size
    if (action.do === 'keep') {
      this.done.unchanged++
      this.#progress.kept(size)
      return true
    }
    return false
  }

  /** What the source lacks, and nothing says that it must go. */
  #superfluous(there: Item): void {
    const { to, prune } = this.#syncing
    if (!prune) {
      this.done.extra++
      this.#noteTree(there)
    } else if (isStore(to) && there.l !== undefined) this.done.removed++
    else this.#surplus.push(there.p)
  }

  #noteTree({ p, x, l }: { p: string; x?: boolean; l?: string }): void {
    if (l !== undefined) this.#syncing.tree.add({ p, l })
    else if (x) this.#syncing.tree.add({ p })
  }

  async #carryOut(action: Action, signal: AbortSignal): Promise<void> {
    if (action.do !== 'copy' && action.do !== 'compare') return
    const { p } = action
    try {
      this.#syncing.record.add(await this.#make(action, signal))
    } catch (error) {
      signal.throwIfAborted()
      const failure = failureOf(error)
      if (failure.reason === 'DestinationChanged' && this.#syncing.prune && !this.#pruned) {
        this.#blocked.push(action)
        return
      }
      if (!single.has(failure.reason) || this.#failures.length >= mostFailures) throw error
      this.#failures.push(failure.names.length > 0 ? failure : new MoveFailure(failure.reason, failure.message, [p]))
    }
    this.#progress.files(1)
  }

  async #make(action: Extract<Action, { do: 'copy' | 'compare' }>, signal: AbortSignal): Promise<Known> {
    const { from, to, uploads } = this.#syncing
    const { p, source } = action
    if (source.l !== undefined) return this.#link(source, source.l, action.there, signal)
    if (action.do === 'compare') {
      const known = await compareFile({ from, to, signal }, source, action.there, action.known)
      if (known !== undefined) {
        this.done.unchanged++
        this.#progress.kept(source.size, 0)
        if (isStore(to) || action.there.x === known.x) return known
        return { ...known, there: to.target.setExecutable(p, known.x) }
      }
    }
    const known = await copyFile(
      { from, to, signal, uploads, buffers: this.#buffers, onBytes: this.#progress.bytes },
      source,
    )
    this.done.moved++
    this.done.movedBytes += known.size
    return known
  }

  async #link(source: Item, target: string, there: Item | undefined, signal: AbortSignal): Promise<Known> {
    const { to } = this.#syncing
    if (there?.l === target) {
      this.done.unchanged++
      return linkKnown(source, there.id)
    }
    this.done.moved++
    if (!isStore(to)) return linkKnown(source, to.target.link(source.p, target))
    // In a store the link stands in the tree's object, and the object of a file would be in its way.
    if (there !== undefined && there.l === undefined) await to.store.remove([`${to.prefix}${source.p}`], signal)
    return linkKnown(source, [target])
  }

  async go(signal: AbortSignal): Promise<void> {
    const { from, to, uploads } = this.#syncing
    uploads.open()
    const width = Math.max(...[from, to].map((end) => (isStore(end) ? end.store.width : 4)))
    const budget = makeBudget(budgetBytes)
    await forEach(
      ahead(this.#work(signal), lookahead),
      width,
      (action, stop) => {
        const size = 'source' in action ? action.source.size : 0
        return isStore(to)
          ? budget.run(Math.min(size, fileBytes), () => this.#carryOut(action, stop))
          : this.#carryOut(action, stop)
      },
      signal,
    )
    this.#judge()
    if (this.#surplus.length > 0) await this.#prune(signal)
    this.#pruned = true
    this.done.skipped = this.#rules.skipped
    this.done.warnings.push(...this.#rules.warnings)
    for (const action of this.#blocked) await this.#carryOut(action, signal)
    this.#judge()
    if (!isStore(to)) return
    await this.#syncing.tree.finish(to, this.#filter, signal)
    await uploads.finish(to.store, signal)
  }

  /** Whether all of the source is at the destination now; only then anything is deleted there. */
  #judge(): void {
    const [named] = this.#rules.named
    if (named) throw this.#invalid(named.key, named.problem, this.#rules.invalid)
    const [refused] = this.#refused
    if (refused) throw this.#invalid(refused.p, refused.problem, this.#refused.length)
    if (this.#planned.files === 0)
      throw new MoveFailure(
        'SourceEmpty',
        `there is no file under ${placeOf(this.#syncing.from)} that include and exclude let through: check the address`,
      )
    const [failure] = this.#failures
    if (failure) {
      const more = this.#failures.length - 1
      const names = this.#failures.flatMap((each) => each.names).slice(0, 5)
      throw new MoveFailure(failure.reason, `${failure.message}${more > 0 ? `; and ${more} more files` : ''}`, names)
    }
  }

  #invalid(name: string, problem: string, count: number): MoveFailure {
    const more = count > 1 ? `, and ${count - 1} more can't be copied either` : ''
    return new MoveFailure(
      'InvalidKeys',
      `${JSON.stringify(name)} ${problem}${more}: exclude or rename it; all else is copied`,
      [name],
    )
  }

  async #prune(signal: AbortSignal): Promise<void> {
    const { to } = this.#syncing
    for (let at = 0; at < this.#surplus.length; at += removeBatch) {
      signal.throwIfAborted()
      const some = this.#surplus.slice(at, at + removeBatch)
      if (isStore(to))
        await to.store.remove(
          some.map((p) => `${to.prefix}${p}`),
          signal,
        )
      else for (const p of some) to.target.remove(p)
      this.done.removed += some.length
    }
  }
}

const linkKnown = (source: Item, there: Known['there']): Known => ({
  p: source.p,
  size: 0,
  h: '',
  x: false,
  l: source.l!,
  source: source.id,
  there,
})

/**
 * Brings all files of one place to another, verified, and moves only what the record, or the bytes themselves, don't show to be there already. Deletes
 * nothing unless `prune`, and then only once all else is there.
 */
export const sync = async (syncing: Syncing, progress: SyncProgress, signal: AbortSignal): Promise<Synced> => {
  const run = new Run(syncing, progress)
  try {
    await run.go(signal)
  } finally {
    syncing.record.flush()
  }
  return { ...(await syncing.record.finish()), ...run.done }
}
