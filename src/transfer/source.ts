import { MoveFailure } from '../mover/failure.ts'
import type { ListedObject, ObjectStore } from '../stores/object-store.ts'
import { type Filter, makeFilter } from './filter.ts'
import { makeFingerprint } from './fingerprint.ts'
import { KeyRules } from './keys.ts'

export interface SourceRules {
  include?: string[] | undefined
  exclude?: string[] | undefined
  allowEmpty?: boolean | undefined
}

/** One file of a source: its path under the prefix, and its object. */
export interface SourceFile {
  p: string
  object: ListedObject
}

/** What a listing came to, once it was read to its end. */
export interface ListingSummary {
  objects: number
  bytes: number
  fingerprint: string
  skipped: number
  warnings: string[]
}

/** A prefix of a bucket as a source of files. */
export interface Source {
  store: ObjectStore
  prefix: string
  rules: SourceRules
}

/** The filter of a source's globs. */
export const filterOf = (rules: SourceRules): Filter => {
  try {
    return makeFilter(rules)
  } catch {
    throw new MoveFailure('InvalidSpec', 'an include or exclude glob of the source makes no sense: mend it')
  }
}

/**
 * Lists the files of a source in the order of their paths, and in the end judges the whole: `InvalidKeys` names the first keys that no volume can
 * hold, `SourceEmpty` says that nothing was found. The caller that stops early gets no summary.
 */
export async function* listSource(
  source: Source,
  options: { versions?: boolean; signal: AbortSignal },
): AsyncGenerator<SourceFile, ListingSummary> {
  const rules = new KeyRules(source.prefix, filterOf(source.rules))
  const fingerprint = makeFingerprint()
  let [objects, bytes] = [0, 0]
  for await (const object of source.store.list(source.prefix, options)) {
    const verdict = rules.judge(object.key, object.size)
    if (verdict.kind !== 'file') continue
    objects++
    bytes += object.size
    fingerprint.add(verdict.path, object)
    yield { p: verdict.path, object }
  }
  const where = `${source.store.name}/${source.prefix}`
  const first = rules.named[0]
  if (first) {
    const message = `${rules.invalid} keys under ${where} can't be files of a volume, ${JSON.stringify(first.key)} ${first.problem}: exclude or rename them`
    throw new MoveFailure(
      'InvalidKeys',
      message,
      rules.named.map(({ key }) => key),
    )
  }
  if (objects === 0 && !source.rules.allowEmpty) {
    const message = `there is no file under ${where} that include and exclude let through: check the prefix, or set allowEmpty: true`
    throw new MoveFailure('SourceEmpty', message)
  }
  return { objects, bytes, fingerprint: fingerprint.digest(), skipped: rules.skipped, warnings: rules.warnings }
}

/** Reads a listing to its end for its summary alone. */
export const summarize = async (
  source: Source,
  options: { versions?: boolean; signal: AbortSignal },
): Promise<ListingSummary> => {
  const files = listSource(source, options)
  for (;;) {
    const next = await files.next()
    if (next.done) return next.value
  }
}
