import { createHash } from 'node:crypto'
import { StoreError } from '../object-store.ts'
import { abortable, callStore, type S3Deps } from './deps.ts'

/** Parts of an upload that an earlier run began. */
export interface StoredParts {
  /** The upload. */
  id: string
  /** The part of this number, if the store has it with these bytes. */
  holds(number: number, bytes: Buffer): { PartNumber: number; ETag: string } | undefined
}

/** Asks which parts there are; undefined: the store knows the upload no more. */
export const storedParts = async (
  deps: S3Deps,
  key: string,
  id: string,
  signal: AbortSignal | undefined,
): Promise<StoredParts | undefined> => {
  const found = new Map<number, { etag: string; size: number }>()
  const { client, commands } = await deps.sdk()
  try {
    for (let after: string | undefined, more = true; more; ) {
      const input = {
        ...{ Bucket: deps.bucket, Key: key, UploadId: id },
        ...(after === undefined ? {} : { PartNumberMarker: after }),
      }
      const page = await callStore(deps, { doing: 'list parts', key }, signal, () =>
        client.send(new commands.ListParts(input), abortable(signal)),
      )
      for (const { PartNumber, ETag, Size } of page.Parts ?? [])
        if (PartNumber && ETag && Size !== undefined) found.set(PartNumber, { etag: ETag, size: Size })
      after = page.NextPartNumberMarker
      more = page.IsTruncated === true && after !== undefined
    }
  } catch (error) {
    if (error instanceof StoreError && error.failure === 'not-found') return undefined
    throw error
  }
  return {
    id,
    holds(number, bytes) {
      const part = found.get(number)
      if (part?.size !== bytes.length) return undefined
      // Where an etag is no md5 nobody can say, and the part goes up again.
      const md5 = createHash('md5').update(bytes).digest('hex')
      return part.etag.replaceAll('"', '') === md5 ? { PartNumber: number, ETag: part.etag } : undefined
    },
  }
}
