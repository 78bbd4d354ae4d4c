import { notAllowed } from '../../../desired/allowed.ts'
import type { Alias, World } from '../world.ts'
import { type Draft, lookAgainAt, type Why } from './draft.ts'
import { keepVolumes } from './volumes.ts'

/** Chains of aliases end in Datasets whose changes are not heard of here. */
const againMs = 60_000

const unreadable = ({ dataset }: World, { asked, elsewhere }: Alias): Why =>
  elsewhere
    ? { reason: 'AccessDenied', message: notAllowed(dataset.metadata.namespace, asked) }
    : { reason: 'DatasetNotFound', message: `There is no ${asked}: apply it, or mend spec.source.dataset.` }

/** An alias has nothing of its own but volumes: it shows where the other Dataset is, for those who list what there is. */
export const followAlias = (world: World, draft: Draft, alias: Alias): void => {
  const { owner } = alias
  lookAgainAt(world, draft, world.now + againMs)
  draft.status.latest = owner?.status?.latest
  draft.status.tags = owner?.status?.tags
  if (owner === undefined) {
    draft.stalled = unreadable(world, alias)
    return
  }
  if (owner.status?.latest === undefined)
    draft.held = { reason: 'NoVersion', message: `${alias.asked} has no committed version yet.` }
  if (world.dataset.metadata.deletionTimestamp === undefined) keepVolumes({ ...world, versions: alias.versions }, draft)
}
