import { findCondition } from '../../api/conditions.ts'
import type { DatasetVersion } from '../../api/dataset-version.ts'
import * as kinds from '../../api/kinds.ts'
import { annotations } from '../../api/names.ts'
import { parseVerifyRequest } from '../../desired/verify-request.ts'
import type { Flags, Run } from '../command.ts'
import { newRequest, request } from '../edit.ts'
import { CommandError, exit } from '../exit.ts'
import { findCommitted } from '../lookup.ts'
import { show } from '../print.ts'
import { until } from '../wait.ts'

const howOf = ({ fast, subset, claim }: Flags): string => {
  const words = [
    fast === true ? 'fast' : undefined,
    typeof subset === 'string' ? subset : undefined,
    typeof claim === 'string' ? `claim/${claim}` : undefined,
  ].filter((word) => word !== undefined)
  const how = words.length === 0 ? 'full' : words.join(' ')
  const asked = parseVerifyRequest(`now ${how}`)
  if ('problem' in asked) throw new CommandError(exit.usage, asked.problem)
  return how
}

type Verification = NonNullable<NonNullable<DatasetVersion['status']>['lastVerification']>

const ended = (asked: string) => (version: DatasetVersion | undefined) => {
  if (version === undefined) throw new CommandError(exit.notFound, 'the version was deleted meanwhile')
  const last = version.status?.lastVerification
  return last?.request === asked && last.finishedAt !== undefined ? { last, version } : undefined
}

const waiting = (version: DatasetVersion | undefined): string =>
  ['the version is being compared with its manifest', version?.status?.progress?.summary]
    .filter((part) => part !== undefined)
    .join(': ')

/** Has a version compared with its manifest, by a mover next to the bytes. */
export const verify: Run = async (context, [ref = ''], flags) => {
  const found = await findCommitted(context, ref)
  const asked = `${newRequest(context)} ${howOf(flags)}`
  await request(context, kinds.DatasetVersion, found.version, annotations.verifyRequestedAt, asked)
  if (context.wait === undefined) {
    show(
      context,
      { requested: asked },
      () => `${found.ref} is to be verified (granary get ${found.ref} shows what comes of it).`,
    )
    return
  }
  const { namespace = '', name } = found.version.metadata
  const target = { kind: kinds.DatasetVersion, namespace, name }
  const { last, version } = await until<DatasetVersion, { last: Verification; version: DatasetVersion }>(
    context,
    target,
    ended(asked),
    waiting,
  )
  const message = findCondition(version.status?.conditions, 'Verified')?.message ?? last.result ?? ''
  show(context, last, () => `${found.ref}: ${message}`)
  if (last.result !== 'Sound') throw new CommandError(exit.badNews, `${found.ref} is not verified: ${last.result}`)
}
