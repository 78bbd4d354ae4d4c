import { stringify } from 'yaml'
import type { Context } from './command.ts'

/** One column of a table. `wide`: only with `-o wide`. */
export interface Column<Row> {
  name: string
  of(row: Row): string | number | undefined
  wide?: boolean
}

/** Words of other people go to a terminal: nothing that steers it, and one line each. */
const clean = (text: string): string => text.replaceAll(/\s+/g, ' ').replaceAll(/\p{Cc}/gu, '')

/** As kubectl prints: columns in capitals, three spaces apart, nothing at the end of a line. */
export const table = <Row>(columns: Column<Row>[], rows: readonly Row[], wide = false): string => {
  const shown = columns.filter((column) => wide || column.wide !== true)
  const cells = rows.map((row) => shown.map((column) => clean(String(column.of(row) ?? '')) || '-'))
  const lines = [shown.map(({ name }) => name), ...cells]
  const widths = shown.map((_, i) => Math.max(...lines.map((line) => line[i]?.length ?? 0)))
  return lines
    .map((line) =>
      line
        .map((cell, i) => cell.padEnd(widths[i] ?? 0))
        .join('   ')
        .trimEnd(),
    )
    .join('\n')
}

/** Lines of `Name:   value`; undefined ones are left out. */
export const facts = (of: readonly (readonly [string, string | number | undefined])[]): string => {
  const known = of.filter(([, value]) => value !== undefined && value !== '')
  const width = Math.max(...known.map(([name]) => name.length)) + 1
  return known.map(([name, value]) => `${`${name}:`.padEnd(width)}  ${clean(String(value))}`).join('\n')
}

/** The result: as JSON or YAML if that is asked for, else as text. */
export const show = (context: Context, value: unknown, text: (wide: boolean) => string): void => {
  if (context.format === 'json') context.print(JSON.stringify(value, null, 2))
  else if (context.format === 'yaml') context.print(stringify(value).trimEnd())
  else context.print(text(context.format === 'wide'))
}

const minute = 60
const hour = 60 * minute
const day = 24 * hour

/** How long ago, as kubectl says it: `45s`, `12m`, `5h`, `3d`. */
export const age = (time: string | undefined, now: number): string | undefined => {
  const at = Date.parse(time ?? '')
  if (Number.isNaN(at)) return undefined
  const seconds = Math.max(0, Math.floor((now - at) / 1000))
  if (seconds < 2 * minute) return `${seconds}s`
  if (seconds < 2 * hour) return `${Math.floor(seconds / minute)}m`
  if (seconds < 2 * day) return `${Math.floor(seconds / hour)}h`
  return `${Math.floor(seconds / day)}d`
}

/** A digest short enough to read out, long enough for a ref. */
export const shortDigest = (digest: string | undefined): string | undefined =>
  digest === undefined ? undefined : `sha256:${digest.slice(0, 12)}`
