import * as kinds from '../../api/kinds.ts'
import { labels } from '../../api/names.ts'
import type { IndexFunction } from '../../kube/types.ts'

/** Names of the indexes that this controller reads. */
export const index = { jobsByOwner: 'provider.jobs-by-owner', moversByOwner: 'provider.movers-by-owner' } as const

const ownerUid: IndexFunction = ({ metadata: { labels: own } }) => {
  const uid = own?.[labels.ownerUid]
  return uid === undefined || own?.[labels.role] !== 'mover' ? [] : [uid]
}

export const indexes = {
  [kinds.Pod.plural]: { [index.moversByOwner]: ownerUid },
  [kinds.Job.plural]: { [index.jobsByOwner]: ownerUid },
}
