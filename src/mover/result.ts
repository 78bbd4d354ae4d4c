import type { Operation } from '../api/move.ts'
import { type MoveFailed, type MoveResult, maxResultBytes } from '../api/move-result.ts'
import type { MoveFailure } from './failure.ts'

const maxNames = 5
const maxNameBytes = 200

/** The first bytes of a text, cut between characters, with `…` where something is missing. */
export const cutText = (text: string, bytes: number): string => {
  const encoded = Buffer.from(text)
  if (encoded.length <= bytes) return text
  const ellipsis = Buffer.byteLength('…')
  return `${new TextDecoder().decode(encoded.subarray(0, bytes - ellipsis)).replace(/\ufffd+$/, '')}…`
}

/** The first names that a failure is about, each cut. */
export const namesOf = (failure: MoveFailure): string[] =>
  failure.names.slice(0, maxNames).map((name) => cutText(name, maxNameBytes))

/** What the operator reads of a failure. */
export const failedResult = (op: Operation | 'Unknown', failure: MoveFailure): MoveFailed => {
  const names = namesOf(failure)
  return {
    op,
    outcome: 'Failed',
    reason: failure.reason,
    message: failure.message,
    ...(names.length > 0 ? { names } : {}),
  }
}

const size = (result: MoveResult) => Buffer.byteLength(JSON.stringify(result))

/** JSON of at most `maxResultBytes`: what is long and not counted on gives way, from its end. */
export const resultText = (result: MoveResult): string => {
  const cut = { ...result }
  if ('message' in cut) {
    const over = size(cut) - maxResultBytes
    // A character may take six bytes once it is escaped.
    if (over > 0)
      cut.message = cutText(cut.message, Math.max(200, Math.floor((Buffer.byteLength(cut.message) - over) / 6)))
  }
  if ('items' in cut && size(cut) > maxResultBytes) {
    const share = Math.max(100, Math.floor((maxResultBytes - 500) / cut.items.length / 6))
    cut.items = cut.items.map((item) =>
      typeof item === 'object' && item !== null && 'message' in item && item.message !== undefined
        ? { ...item, message: cutText(item.message, share) }
        : item,
    )
  }
  if ('warnings' in cut && cut.warnings !== undefined) {
    cut.warnings = cut.warnings.slice(0, maxNames).map((warning) => cutText(warning, 2 * maxNameBytes))
    while (cut.warnings.length > 0 && size(cut) > maxResultBytes) cut.warnings = cut.warnings.slice(0, -1)
  }
  return JSON.stringify(cut)
}
