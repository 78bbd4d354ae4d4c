import picomatch from 'picomatch'
import { pathProblem } from '../manifest/paths.ts'

/** Whether a path under the prefix is wanted: matched by an `include` glob (or there are none), and by no `exclude`. */
export type Filter = (path: string) => boolean

/** Dot files are files like others; a leading `!` means itself, since `exclude` is there for that. */
const options = { dot: true, nonegate: true }

/** `**` does not match `..` or control characters, and a path with them is what `exclude` must be able to name: matched by a look-alike too. */
const lookAlike = (path: string): string =>
  path
    .split('/')
    .map((segment) => (segment === '' || /^\.{1,2}$/.test(segment) ? '_' : segment.replace(/\p{Cc}/gu, '_')))
    .join('/')

/** Makes a filter of globs on the path under the prefix. */
export const makeFilter = (globs: { include?: string[] | undefined; exclude?: string[] | undefined }): Filter => {
  const matcher = (patterns: string[] | undefined) => (patterns?.length ? picomatch(patterns, options) : undefined)
  const include = matcher(globs.include)
  const exclude = matcher(globs.exclude)
  if (!include && !exclude) return () => true
  const wanted: Filter = (path) => (include?.(path) ?? true) && !exclude?.(path)
  return (path) => {
    if (pathProblem(path) === undefined) return wanted(path)
    return wanted(path) && wanted(lookAlike(path))
  }
}
