import type { Dataset } from '../../api/dataset.ts'
import type { DatasetVersion } from '../../api/dataset-version.ts'
import { formatBytes } from '../../api/quantity.ts'
import { sweep } from '../../transfer/sweep/sweep.ts'
import { openDatasetStore, withStore } from '../bytes.ts'
import type { Context, Run } from '../command.ts'
import { CommandError, exit } from '../exit.ts'
import { findDataset, readRef, versionsOf } from '../lookup.ts'
import { show } from '../print.ts'

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

const dryRun = async (
  context: Context,
  owner: Dataset,
  versions: DatasetVersion[],
  store: Parameters<typeof sweep>[0],
) => {
  const open = openNumbers(owner, versions)
  return sweep(store, {
    now: new Date(context.now()).toISOString(),
    tombstones: [],
    open,
    next: owner.status?.nextSequence ?? 1,
    settle,
    quiet: open.length === 0,
    all: true,
    limit: Number.MAX_SAFE_INTEGER,
    dryRun: true,
  })
}

/** Says what of a Dataset's directory would go if it were swept now. Removing is the operator's work. */
export const gc: Run = async (context, [name = ''], flags) => {
  if (flags['dry-run'] !== true)
    throw new CommandError(exit.usage, 'the operator collects garbage by itself: write --dry-run to see what would go')
  const { owner } = await findDataset(context, readRef(name))
  const versions = await versionsOf(context, owner)
  const at = await openDatasetStore(context, owner, flags)
  const heard = listener()
  await withStore(at, () =>
    dryRun(context, owner, versions, { ...at, log: heard.log as never, signal: context.signal }),
  )
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
