import type { Identity, Known } from '../plan.ts'

/** A line of a record: what is known of a path, or that nothing is any more. */
export type Line = { p: string; known?: Known }

type Raw =
  | [p: string, size: number, h: string, x: 0 | 1, l: string | 0, source: Identity, there: Identity]
  | [p: string]

export const lineText = ({ p, known }: Line): string =>
  known === undefined
    ? JSON.stringify([p])
    : JSON.stringify([p, known.size, known.h, known.x ? 1 : 0, known.l ?? 0, known.source, known.there])

const fromRaw = ([p, size, h, x, l, source, there]: Raw): Line =>
  size === undefined
    ? { p }
    : {
        p,
        known: { p, size, h: h!, x: x === 1, ...(typeof l === 'string' ? { l } : {}), source: source!, there: there! },
      }

/** Reads whole lines at once; undefined if one of them is no line, as at the end of a file that was not written to its end. */
export const parseLines = (lines: string[]): Line[] | undefined => {
  try {
    return (JSON.parse(`[${lines.join(',')}]`) as Raw[]).map(fromRaw)
  } catch {
    return undefined
  }
}
