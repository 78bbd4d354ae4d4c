import type { ObjectInfo } from '../../object-store.ts'
import { withRetry } from '../../retry.ts'
import { infoOfHead } from './answer.ts'
import { NotUnderstood } from './response-head.ts'
import type { Lean } from './send.ts'
import { send } from './send.ts'
import { emptyPayload, encode } from './sigv4.ts'

/** `head` over connections of our own. Fails with NotUnderstood where the ordinary client has to ask. */
export const leanHead = (
  lean: Lean,
  key: string,
  { version, signal }: { version?: string; signal?: AbortSignal } = {},
): Promise<ObjectInfo | undefined> => {
  const request = {
    method: 'HEAD' as const,
    key,
    query: version === undefined ? '' : `versionId=${encode(version)}`,
    headers: { 'x-amz-checksum-mode': 'ENABLED' },
    payload: emptyPayload,
  }
  const receiver = { begin: () => true, data: () => {} }
  return withRetry(lean.s3.retry, signal, async () => {
    const head = await send(lean, request, receiver, signal)
    if (head.status === 404) return undefined
    if (head.length === undefined) throw new NotUnderstood('an object without a length')
    return infoOfHead(head, head.length, true)
  })
}
