import type { Output } from '../transfer/collect-output.ts'
import { readVersion } from '../transfer/read-version.ts'
import type { SpecOf } from './deps.ts'

/** What a writer left on the volume, and the version that it began with. */
export const outputOf = (
  output: Omit<Output, 'base'>,
  base: SpecOf<'Finalize'>['base'],
  signal: AbortSignal,
): Output => {
  if (base === undefined) return output
  const { store, prefix } = output
  return { ...output, base: { sequence: base.sequence, entries: () => readVersion(store, prefix, base.root, signal) } }
}
