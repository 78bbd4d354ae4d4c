import { parseVersionTag, versionTag } from '../../../api/names.ts'
import { formatBytes } from '../../../api/quantity.ts'
import type { World } from '../world.ts'
import { commit } from './commit.ts'
import { type Draft, enter, reconciling, type Step, stalled } from './draft.ts'
import { complain } from './import.ts'
import { intentOf, storedDataset } from './intent.ts'
import { follow, healsByItself, type Move, noteFailure, reasonOf, resultOf, retryLater, sentenceOf } from './move.ts'
import { type Committed, committedOf, type Place, sourceIfNeeded, storePlace } from './places.ts'
import { byCopy } from './producer.ts'

const inputOf = ({ spec }: World, { sequence, digest }: Pick<Committed, 'sequence' | 'digest'>) => {
  const version = versionTag(sequence)
  return { ref: `${spec.dataset}:${version}`, version, digest }
}

const moveOf = (world: World, store: Extract<Place, { access: unknown }>): Move | undefined => {
  const wanted = parseVersionTag(world.spec.from?.version ?? '')
  const version = world.siblings.flatMap((one) => committedOf(one) ?? []).find(({ sequence }) => sequence === wanted)
  if (version === undefined) return undefined
  const source = sourceIfNeeded(world)
  return {
    spec: {
      op: 'Materialize',
      dataset: storedDataset(world),
      store: store.access.location,
      ...(source === undefined ? {} : { source: source.access.location }),
      version,
      intent: { ...intentOf(world), producer: byCopy(world), inputs: [inputOf(world, version)] },
    },
    locations: [store.access, ...(source === undefined ? [] : [source.access])],
  }
}

const run = (world: World, draft: Draft, move: Move): void => {
  enter(world, draft, 'Initializing', `Copies ${world.spec.from?.version} into the store.`)
  const now = follow(world, draft, move, draft.status)
  const result = resultOf(now, 'Materialize')
  if (result !== undefined) {
    const size = `${result.files} files, ${formatBytes(result.bytes)}`
    draft.status.producedBy = byCopy(world)
    const sequence = parseVersionTag(world.spec.from?.version ?? '') ?? 0
    draft.status.inputs = [inputOf(world, { sequence, digest: result.digest })]
    commit(world, draft, result, `The content of ${world.spec.from?.version}: ${size}, all in the store.`)
  }
  if (now?.state !== 'failed') return
  noteFailure(world, draft, 'Materialize', now)
  if (healsByItself(now)) {
    retryLater(draft, draft.status, now)
    reconciling(world, draft, reasonOf(now), sentenceOf(now))
    return
  }
  enter(world, draft, 'Failed', sentenceOf(now), 'Warning')
  stalled(world, draft, reasonOf(now), sentenceOf(now))
}

/** A version with the content of another, whose bytes are all its own. */
export const materialize: Step = (world, draft) => {
  const wanted = world.spec.from?.version
  if (wanted === undefined) return undefined
  const store = storePlace(world)
  if (!('access' in store)) {
    complain(world, draft, store)
    return 'stop'
  }
  const move = moveOf(world, store)
  if (move !== undefined) run(world, draft, move)
  else
    reconciling(
      world,
      draft,
      'VersionNotFound',
      `Dataset ${world.spec.dataset} has no committed ${wanted} to copy: wait for it, or delete this version and name another.`,
    )
  return 'stop'
}
