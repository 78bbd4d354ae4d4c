import type { MoveSpec } from '../../../api/move.ts'
import { parseVersionTag } from '../../../api/names.ts'
import type { World } from '../world.ts'
import { type Draft, isoTime } from './draft.ts'
import { type LastSweep, openNumbers, restoreRequest } from './sweep-due.ts'

export type SweepSpec = Extract<MoveSpec, { op: 'Sweep' }>

/** Leftovers of what never committed stay so long, ms. */
const settle = 3_600_000
/** Objects that one run removes. */
const limit = 20_000
/** What one MoveSpec takes. */
const mostTombstones = 200
const mostOpen = 1000

/** What the mover is told, from what is known now. */
export const sweepSpec = (world: World, draft: Draft, store: SweepSpec['store'], last: LastSweep): SweepSpec => {
  const { name, namespace = '', uid = '' } = world.dataset.metadata
  const wanted = restoreRequest(world, draft)?.sequence
  const waiting = (draft.status.tombstones ?? []).filter(
    ({ stored, sequence }) => stored !== true && sequence !== wanted,
  )
  return {
    op: 'Sweep',
    dataset: { namespace, name, uid },
    store,
    now: last.startedAt ?? isoTime(world.now),
    tombstones: waiting.slice(0, mostTombstones).map(({ sequence, until }) => ({ sequence, until })),
    restore: wanted === undefined ? [] : [wanted],
    open: openNumbers(world, draft).slice(0, mostOpen),
    next: draft.status.nextSequence ?? 1,
    tags: (draft.status.tags ?? []).map((tag) => ({
      name: tag.name,
      sequence: parseVersionTag(tag.version) ?? 0,
      digest: tag.digest ?? '',
      movedAt: tag.movedAt,
    })),
    quiet: last.quiet === true && world.writing.length === 0,
    all: last.all === true,
    settle,
    limit,
    ...(last.dryRun === true ? { dryRun: true } : {}),
  }
}
