import { formatBytes } from '../../../api/quantity.ts'
import type { World } from '../world.ts'
import { type Draft, enter, isoTime, say, unsay } from './draft.ts'

interface Content {
  digest: string
  root: string
  files: number
  bytes: number
}

/** The version is in the store: from here on nothing of it changes. */
export const commit = (world: World, draft: Draft, content: Content, message: string, at?: string): void => {
  const { digest, root, files, bytes } = content
  const { status } = draft
  Object.assign(status, {
    digest,
    rootDigest: root,
    files,
    bytes,
    size: formatBytes(bytes),
    committedAt: at ?? isoTime(world.now),
  })
  for (const field of ['progress', 'checkpoint', 'attempt', 'nextRetryAt', 'lastFailure'] as const) delete status[field]
  enter(world, draft, 'Committed', message)
  for (const type of ['Initialized', 'Finalized', 'Committed'])
    say(world, draft, { type, status: 'True', reason: 'Committed', message })
  unsay(draft, 'Stalled')
  unsay(draft, 'DeletionBlocked')
}
