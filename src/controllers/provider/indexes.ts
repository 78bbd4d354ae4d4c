import * as kinds from '../../api/kinds.ts'
import { labels } from '../../api/names.ts'
import { entriesOf } from '../../desired/look.ts'
import type { IndexFunction } from '../../kube/types.ts'

/** Names of the indexes that this controller reads. */
export const index = { looksByUid: 'provider.looks-by-uid', moversByOwner: 'provider.movers-by-owner' } as const

const ownerUid: IndexFunction = ({ metadata: { labels: own } }) => {
  const uid = own?.[labels.ownerUid]
  return uid === undefined || own?.[labels.role] !== 'mover' ? [] : [uid]
}

export const indexes = {
  [kinds.Pod.plural]: { [index.moversByOwner]: ownerUid },
  [kinds.Job.plural]: { [index.looksByUid]: ((job) => entriesOf(job).map(({ uid }) => uid)) as IndexFunction },
}
