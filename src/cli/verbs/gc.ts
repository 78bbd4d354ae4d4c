import type { Dataset } from '../../api/dataset.ts'
import type { DatasetVersion } from '../../api/dataset-version.ts'
import * as kinds from '../../api/kinds.ts'
import { annotations } from '../../api/names.ts'
import { formatBytes } from '../../api/quantity.ts'
import { sweep } from '../../transfer/sweep/sweep.ts'
import { openDatasetStore, withStore } from '../bytes.ts'
import type { Context, Run } from '../command.ts'
import { newRequest, request } from '../edit.ts'
import { CommandError, exit } from '../exit.ts'
import { askMover, ownOrMover, storeAccess } from '../in-cluster.ts'
import { findDataset, readRef, versionsOf } from '../lookup.ts'
import { show } from '../print.ts'
import { sayLeft } from '../shown.ts'
import { until } from '../wait.ts'

/** Leftovers of what never committed stay so long at the least, ms: as the operator has it. */
const settle = 3_600_000

const over = ['Committed', 'Abandoned', 'Expired', 'Failed']

/** Numbers under which somebody may be writing. */
const openNumbers = (owner: Dataset, versions: readonly DatasetVersion[]): number[] => [
  ...versions
    .filter(({ status }) => !over.includes(status?.phase ?? 'Pending'))
    .map(({ status }) => status?.sequence ?? 0),
  ...(owner.status?.opening ?? []).map(({ sequence }) => sequence),
]

interface Found {
  key: string
  size: number
}

/** Takes what the sweep says of single things. */
const listener = () => {
  const objects: Found[] = []
  const tombstones: { version: number; until: string }[] = []
  const info = (said: unknown): void => {
    const { key, size, version, until } = said as Partial<Found & { version: number; until: string }>
    if (key !== undefined) objects.push({ key, size: size ?? 0 })
    else if (version !== undefined) tombstones.push({ version, until: until ?? '' })
  }
  return { objects, tombstones, log: { info } }
}

const plan = (context: Context, owner: Dataset, versions: DatasetVersion[]) => {
  const open = openNumbers(owner, versions)
  return {
    now: new Date(context.now()).toISOString(),
    tombstones: (owner.status?.tombstones ?? []).filter(({ stored }) => stored !== true),
    open,
    next: owner.status?.nextSequence ?? 1,
    settle,
    quiet: open.length === 0,
    all: true,
    limit: Number.MAX_SAFE_INTEGER,
    dryRun: true,
  }
}

type Heard = ReturnType<typeof listener>

/** A mover has the keys of the store; its log says of each object what it would do. */
const dryRunInCluster = async (context: Context, owner: Dataset, versions: DatasetVersion[], heard: Heard) => {
  const store = await storeAccess(context, owner)
  const { namespace = '', name, uid = '' } = owner.metadata
  const { tombstones, ...rest } = plan(context, owner, versions)
  const spec = {
    op: 'Sweep' as const,
    dataset: { namespace, name, uid },
    store: store.location,
    ...rest,
    tombstones: tombstones.map(({ sequence, until }) => ({ sequence, until })),
    restore: [],
  }
  const { lines, result } = await askMover(context, owner, spec, [store])
  for (const line of lines) heard.log.info(line)
  sayLeft(context, result.objects - heard.objects.length)
}

type LastSweep = NonNullable<NonNullable<Dataset['status']>['lastSweep']>

const waiting = (dataset: Dataset | undefined): string => {
  const { result, nextRetryAt } = dataset?.status?.lastSweep ?? {}
  return nextRetryAt === undefined ? 'the store is being cleaned up' : `${result}; it is tried again at ${nextRetryAt}`
}

/** Has the operator clean up now, though it does so by itself once a day. */
const ask = async (context: Context, owner: Dataset): Promise<void> => {
  const { namespace = '', name } = owner.metadata
  const asked = newRequest(context)
  await request(context, kinds.Dataset, owner, annotations.sweepRequestedAt, asked)
  if (context.wait === undefined) {
    show(context, { requested: asked }, () => `The store of ${name} is to be cleaned up.`)
    return
  }
  const done = (dataset: Dataset | undefined): LastSweep | undefined => {
    if (dataset === undefined) throw new CommandError(exit.notFound, 'the Dataset was deleted meanwhile')
    const last = dataset.status?.lastSweep
    return last?.request === asked && last.finishedAt !== undefined && last.result === 'Done' ? last : undefined
  }
  const last = await until<Dataset, LastSweep>(context, { kind: kinds.Dataset, namespace, name }, done, waiting)
  const what = `${last.objects ?? 0} objects, ${formatBytes(last.bytes ?? 0)}`
  show(
    context,
    last,
    () => `Removed ${what} that nothing refers to.${last.more === true ? ' There is more: it goes on.' : ''}`,
  )
}

/** Has the store of a Dataset cleaned up, or says what would go. */
export const gc: Run = async (context, [name = ''], flags) => {
  const { dataset, owner } = await findDataset(context, readRef(name))
  if (dataset !== owner) throw new CommandError(exit.usage, `${name} is an alias: it has no store of its own`)
  if (flags['dry-run'] !== true) return ask(context, owner)
  const versions = await versionsOf(context, owner)
  let heard = listener()
  const own = async (mine: Context) => {
    const at = await openDatasetStore(mine, owner, flags)
    const deps = { ...at, log: heard.log as never, signal: mine.signal }
    await withStore(at, () => sweep(deps, plan(mine, owner, versions)))
  }
  await ownOrMover(context, flags, own, async () => {
    heard = listener()
    await dryRunInCluster(context, owner, versions, heard)
  })
  const bytes = heard.objects.reduce((sum, { size }) => sum + size, 0)
  const result = { objects: heard.objects, bytes, tombstones: heard.tombstones }
  show(context, result, () =>
    [
      ...heard.objects.map(({ key, size }) => `${formatBytes(size).padStart(10)}  ${JSON.stringify(key).slice(1, -1)}`),
      ...heard.tombstones.map(
        ({ version, until }) => `v${version} was never committed: what lies there goes after ${until}`,
      ),
      heard.objects.length === 0
        ? 'Nothing would go now.'
        : `${heard.objects.length} objects, ${formatBytes(bytes)} would go.`,
    ].join('\n'),
  )
}
