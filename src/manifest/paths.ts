/** Longest path, in bytes: what the object stores take as a key. */
export const maxPathBytes = 1024
/** Longest name between two slashes, in bytes: what Linux file systems take. */
export const maxSegmentBytes = 255
const maxLinkBytes = 4095

const control = /\p{Cc}/u
const badSegment = /(?:^|\/)\.{0,2}(?:\/|$)/

/** Bytes of a string in UTF-8; strings of up to a third of the limit need no count. */
const longer = (text: string, limit: number) => text.length * 3 > limit && Buffer.byteLength(text) > limit

/** Why a path can't be in a version, as words that follow its name in a sentence; undefined: it can. */
export const pathProblem = (path: string): string | undefined => {
  if (path === '') return 'is empty'
  if (!path.isWellFormed()) return 'is not valid Unicode'
  if (control.test(path)) return 'has a control character'
  if (path.startsWith('/')) return 'is absolute'
  if (badSegment.test(path)) return 'has an empty segment, `.` or `..`'
  if (longer(path, maxPathBytes)) return `is longer than ${maxPathBytes} bytes`
  if (longer(path, maxSegmentBytes) && path.split('/').some((segment) => longer(segment, maxSegmentBytes)))
    return `has a segment longer than ${maxSegmentBytes} bytes`
  return undefined
}

/**
 * Why a symlink at `path` can't be in a version; undefined: its target is relative and inside the tree, whatever other links there are.
 * `..` is taken only at the start of a target: behind a name, which may itself be a link, nobody can say where it leads without looking.
 */
export const linkProblem = (path: string, target: string): string | undefined => {
  if (target === '') return 'is a symlink without a target'
  if (!target.isWellFormed() || control.test(target)) return 'is a symlink whose target is no valid path'
  if (longer(target, maxLinkBytes)) return 'is a symlink whose target is too long'
  if (target.startsWith('/')) return 'is a symlink to an absolute path'
  let depth = path.split('/').length - 1
  let named = false
  for (const segment of target.split('/')) {
    if (segment === '' || segment === '.') continue
    if (segment !== '..') named = true
    else if (named) return 'is a symlink with `..` behind a name'
    else if (--depth < 0) return 'is a symlink that leads out of the tree'
  }
  return undefined
}

/**
 * Finds `a` beside `a/b` in sorted paths: `add` returns the path that would have to be file and directory at once.
 * Between the two there may be others (`a-c` sorts before `a/b`), so it keeps the earlier paths that the current one starts with: never more than its length.
 */
export class NestingGuard {
  readonly #open: string[] = []

  add(path: string): string | undefined {
    while (this.#open.length > 0 && !path.startsWith(this.#open[this.#open.length - 1]!)) this.#open.pop()
    const file = this.#open.find((earlier) => path[earlier.length] === '/')
    this.#open.push(path)
    return file
  }
}
