import { compareUtf8 } from '../lib/utf8.ts'
import { ManifestError } from './error.ts'
import { NestingGuard } from './paths.ts'

/** What a manifest's paths must keep among themselves: strictly ascending, and no file that is also a directory. */
export class PathSequence {
  readonly #nesting = new NestingGuard()
  #last: string | undefined

  add(path: string): void {
    if (this.#last !== undefined && compareUtf8(this.#last, path) >= 0)
      throw new ManifestError(this.#last === path ? 'a path is there twice' : 'paths are not in order', path)
    this.#last = path
    const file = this.#nesting.add(path)
    if (file !== undefined) throw new ManifestError('a path is both a file and a directory', file)
  }
}
