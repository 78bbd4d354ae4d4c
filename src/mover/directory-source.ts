import { lstat } from 'node:fs/promises'
import { join } from 'node:path'
import type { MoveLocation } from '../api/move.ts'
import type { ObjectStore } from '../stores/object-store.ts'
import type { Filter } from '../transfer/filter.ts'
import { makeFingerprint } from '../transfer/fingerprint.ts'
import { filterOf, type SourceRules } from '../transfer/source.ts'
import { fileState } from '../transfer/source-record.ts'
import { survey } from '../transfer/survey.ts'
import type { Found } from '../transfer/walk.ts'
import { MoveFailure } from './failure.ts'

/** The directory of a volume that a source is. No link is followed on the way to it: it would lead through this pod's own files. */
const rootOf = async (source: ObjectStore, { directory, prefix }: MoveLocation): Promise<string> => {
  let at = source.directory!
  const label = directory?.label ?? source.name
  for (const segment of ['', ...prefix.split('/').slice(0, -1)]) {
    at = join(at, segment)
    const found = await lstat(at).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOENT' && error.code !== 'ENOTDIR') throw error
      throw new MoveFailure(
        'SourceNotFound',
        `there is no directory ${prefix} in ${label}: mend the path of spec.source`,
      )
    })
    if (found.isSymbolicLink())
      throw new MoveFailure(
        'SourceNotFound',
        `${segment} on the way to ${prefix} in ${label} is a symlink, and links are not followed: name the directory itself`,
      )
    if (!found.isDirectory())
      throw new MoveFailure('SourceNotFound', `${prefix} in ${label} is no directory: mend the path of spec.source`)
  }
  return at
}

export interface DirectorySource {
  root: string
  wanted: Filter
  files: number
  bytes: number
  fingerprint: string
  warnings: string[]
}

const unreadable = (label: string, error: MoveFailure): MoveFailure =>
  new MoveFailure(
    'UnreadableFiles',
    `${label}: ${error.names[0]} can't be read by uid ${process.getuid?.()}: let everybody read what is to be imported (chmod -R a+rX), or exclude it`,
    error.names,
  )

/**
 * Looks through a directory that somebody else writes, before anything is read: what can't be in a version is named, and so is what may not be read.
 * `dataPrefix`: where the files will lie in the store; empty if they won't.
 */
export const surveyDirectory = async (
  source: ObjectStore,
  location: MoveLocation,
  rules: SourceRules,
  dataPrefix: string,
  signal: AbortSignal,
): Promise<DirectorySource> => {
  const label = location.directory?.label ?? source.name
  const root = await rootOf(source, location)
  const wanted = filterOf(rules)
  const fingerprint = makeFingerprint()
  const seen = {
    wanted,
    seen: (found: Found) =>
      fingerprint.add(found.p, {
        key: found.p,
        size: found.size,
        etag: found.target === undefined ? fileState(found) : `-> ${found.target}`,
      }),
  }
  const found = await survey(root, dataPrefix, signal, seen).catch((error) => {
    throw error instanceof MoveFailure && error.reason === 'UnreadableFiles' ? unreadable(label, error) : error
  })
  if (found.files === 0 && !rules.allowEmpty) {
    const where = location.prefix === '' ? label : `${location.prefix} of ${label}`
    const message = `there is no file in ${where} that include and exclude let through: check the path, or set allowEmpty: true`
    throw new MoveFailure('SourceEmpty', message)
  }
  return { root, wanted, ...found, fingerprint: fingerprint.digest() }
}
