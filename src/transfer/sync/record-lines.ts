import type { Identity, Known } from '../plan.ts'

/** A line of a record: what is known of a path, or that nothing is any more. */
export interface Line {
  p: string
  known?: Known
  /** As it is written. */
  text: string
}

type Raw =
  | [p: string, size: number, h: string, x: 0 | 1, l: string | 0, source: Identity, there: Identity]
  | [p: string]

export const knownLine = (known: Known): Line => {
  const { p, size, h, x, l, source, there } = known
  return { p, known, text: JSON.stringify([p, size, h, x ? 1 : 0, l ?? 0, source, there]) }
}

/** Nothing is known of the path any more. */
export const forgottenLine = (p: string): Line => ({ p, text: JSON.stringify([p]) })

const fromRaw = ([p, size, h, x, l, source, there]: Raw, text: string): Line => {
  if (size === undefined) return { p, text }
  const known: Known = { p, size, h: h!, x: x === 1, source: source!, there: there! }
  if (typeof l === 'string') known.l = l
  return { p, known, text }
}

/** Reads whole lines at once; undefined if one of them is no line, as at the end of a file that was not written to its end. */
export const parseLines = (lines: string[]): Line[] | undefined => {
  try {
    return (JSON.parse(`[${lines.join(',')}]`) as Raw[]).map((raw, i) => fromRaw(raw, lines[i]!))
  } catch {
    return undefined
  }
}
