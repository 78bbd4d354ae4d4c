import { type Looked, maxResultBytes } from '../api/move-result.ts'
import { cutText } from './result.ts'

/** Bytes of a result beside its items. */
const frame = 100
const longest = 600
/** As long as an answer gets that says what was found. */
const found: Looked = { objects: 1e9, bytes: 1e15, fingerprint: '0'.repeat(22) }

const size = (answer: Looked): number => Buffer.byteLength(JSON.stringify(answer)) + 1

const isFailure = (answer: Looked): answer is Extract<Looked, { reason: unknown }> =>
  typeof answer === 'object' && answer !== null && 'reason' in answer

/**
 * The answers of one Scan, which together must fit in a termination message; null where there is none. Sentences give way first: they take half of the room at
 * most, and the same one is said once.
 */
export const answers = (count: number) => {
  const list: Looked[] = Array.from({ length: count }, () => null)
  const room = maxResultBytes - frame
  let used = count * size(null)
  let said = 0
  const fits = (answer: Looked): boolean => used - size(null) + size(answer) <= room
  const put = (place: number, answer: Looked): void => {
    if (!fits(answer)) return
    used += size(answer) - size(null)
    list[place] = answer
  }
  const shorter = (answer: Extract<Looked, { reason: unknown }>): Looked => {
    const { reason } = answer
    const message = cutText(answer.message ?? '', longest)
    const whole = { reason, message }
    const earlier = list.findIndex((other) => isFailure(other) && other.reason === reason && other.message === message)
    if (earlier >= 0) return { as: earlier }
    if (said + size(whole) > room / 2 || !fits(whole)) return { reason }
    said += size(whole)
    return whole
  }
  return {
    list,
    /** There may be no room for another one. */
    get full(): boolean {
      return !fits(found)
    },
    give: (place: number, answer: Looked): void => {
      // One alone has all the room; the whole result is cut later.
      if (count === 1) list[place] = answer
      else put(place, isFailure(answer) ? shorter(answer) : answer)
    },
  }
}
