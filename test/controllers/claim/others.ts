import type { DatasetVersion } from '../../../src/api/dataset-version.ts'
import * as kinds from '../../../src/api/kinds.ts'
import type { PodObject } from '../../../src/desired/objects.ts'
import type { Claim } from '../../../src/desired/volumes.ts'
import type { Actor } from '../../helpers/drive.ts'
import type { ModelApi } from '../../helpers/model-api.ts'
import { datasetVersion } from './seeds.ts'

export const getClaim = (api: ModelApi, name = 'out') => api.find<Claim>(kinds.Claim, 'vision', name)
export const getVersion = (api: ModelApi, name = 'mnist-v3') =>
  api.find<DatasetVersion>(kinds.DatasetVersion, 'vision', name)

/** Opens v3 for the claim `out`, as the dataset controller does. */
export const opens: Actor = (api) => {
  const it = getClaim(api)
  if (it === undefined || it.metadata.annotations?.['granary.dev/open-version'] || it.metadata.deletionTimestamp)
    return false
  api.seed(
    datasetVersion(
      3,
      { phase: 'Initializing', digest: undefined, rootDigest: undefined },
      {
        spec: { base: 'v2' },
        annotations: { 'granary.dev/claim': 'out', 'granary.dev/claim-uid': it.metadata.uid! },
        finalizers: ['granary.dev/version'],
      },
    ),
  )
  api.change(kinds.Claim, 'vision', 'out', ({ metadata }) => {
    metadata.annotations = { ...metadata.annotations, 'granary.dev/open-version': 'mnist-v3' }
  })
  return true
}

type Status = NonNullable<DatasetVersion['status']>
type End = 'Committed' | 'Uncommitted'

interface Seen {
  status: Status
  claim: Claim | undefined
  /** The claim that took over, if the claim or the status says so. */
  rescue: Claim | undefined
  pods: PodObject[]
}

const isUsable = (claim: Claim | undefined): boolean =>
  claim?.status?.phase === 'Bound' && claim.metadata.deletionTimestamp === undefined

const running = ({ status, claim, pods }: Seen, end: End): Partial<Status> => {
  const used = status.firstUsedAt !== undefined
  const going = claim === undefined || claim.metadata.deletionTimestamp !== undefined
  if (pods.some((pod) => pod.status?.phase === 'Running') || !(going || (used && pods.length === 0))) return {}
  if (!used) return { phase: 'Abandoned' }
  return { phase: end === 'Committed' ? 'Finalizing' : end }
}

/** Commits only where the volume can be mounted: through a claim that is bound and not going. */
const finalizing = ({ claim, rescue }: Seen): Partial<Status> => {
  if (rescue !== undefined) return isUsable(rescue) ? { phase: 'Committed', claimName: rescue.metadata.name } : {}
  return isUsable(claim) ? { phase: 'Committed' } : {}
}

const next = (seen: Seen, end: End): Partial<Status> => {
  if (seen.pods.length > 0 && seen.status.firstUsedAt === undefined) return { firstUsedAt: '2026-01-01T00:00:00Z' }
  switch (seen.status.phase) {
    case 'Initializing':
      if (seen.claim === undefined) return { phase: 'Abandoned' }
      return seen.claim.status?.phase === 'Bound' ? { phase: 'Running' } : {}
    case 'Running':
      return running(seen, end)
    case 'Finalizing':
      return finalizing(seen)
    default:
      return {}
  }
}

/** An ended version goes when its bytes are safe: committed, dropped, or on a claim of their own. */
const letGo = (api: ModelApi, version: DatasetVersion, { status, claim }: Seen): boolean => {
  if (version.metadata.deletionTimestamp === undefined || !version.metadata.finalizers?.length) return false
  const ended = status.phase === 'Committed' || status.phase === 'Abandoned'
  if (!ended && claim !== undefined && claim.metadata.annotations?.['granary.dev/rescue'] === undefined) return false
  api.change(kinds.DatasetVersion, 'vision', 'mnist-v3', ({ metadata }) => {
    metadata.finalizers = []
  })
  return true
}

/** What the version controller does, as far as claims go. `end`: what becomes of the bytes when the writers are gone. */
export const versions =
  (end: End): Actor =>
  (api) => {
    const version = getVersion(api)
    if (version === undefined) return false
    const claim = getClaim(api)
    const name = claim?.metadata.annotations?.['granary.dev/rescue'] ?? version.status?.claimName
    const seen: Seen = {
      status: version.status ?? {},
      claim,
      rescue: name === undefined ? undefined : getClaim(api, name),
      pods: api.all<PodObject>(kinds.Pod, 'vision').filter(({ metadata }) => metadata.name === 'user'),
    }
    const changes = next(seen, end)
    if (Object.keys(changes).length === 0) return letGo(api, version, seen)
    api.change<DatasetVersion>(kinds.DatasetVersion, 'vision', 'mnist-v3', (object) => {
      object.status = { ...object.status, ...changes }
    })
    return true
  }
