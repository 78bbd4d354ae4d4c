import { MoveFailure } from '../../mover/failure.ts'

/** A place of this machine that may not be read. */
export const unreadablePlace = (path: string, code: string): MoveFailure =>
  new MoveFailure(
    'UnreadableFiles',
    `${path} can't be read by uid ${process.getuid?.() ?? 0} (${code}): run as its owner, or let others read it`,
    [path],
  )

const sentences: Record<string, (where: string) => MoveFailure> = {
  ENOSPC: (where) =>
    new MoveFailure('InsufficientSpace', `the file system of ${where} is full: make room and run it again, it goes on`),
  EDQUOT: (where) =>
    new MoveFailure('InsufficientSpace', `the quota for ${where} is used up: make room and run it again, it goes on`),
  EROFS: (where) =>
    new MoveFailure('UnreadableFiles', `${where} is on a read-only file system: choose another destination`),
  EACCES: (where) =>
    new MoveFailure('UnreadableFiles', `${where} may not be used by uid ${process.getuid?.() ?? 0}: run as its owner`, [
      where,
    ]),
  EPERM: (where) =>
    new MoveFailure('UnreadableFiles', `${where} may not be used by uid ${process.getuid?.() ?? 0}: run as its owner`, [
      where,
    ]),
  EIO: (where) =>
    new MoveFailure('Unreachable', `${where} could not be read or written (EIO): its disk may be failing`),
}

/** An error of the file system, as a sentence about `where`. Others are passed on as they are. */
export const localFailure = (error: unknown, where: string): unknown => {
  const { code } = error as NodeJS.ErrnoException
  return (code === undefined ? undefined : sentences[code]?.(where)) ?? error
}
