import type { Dataset } from '../../api/dataset.ts'
import type { DatasetVersion } from '../../api/dataset-version.ts'
import * as kinds from '../../api/kinds.ts'
import { annotations } from '../../api/names.ts'
import { formatSelector } from '../../api/ref.ts'
import type { Context, Run } from '../command.ts'
import { newRequest, request } from '../edit.ts'
import { CommandError, exit } from '../exit.ts'
import { type Found, findDataset, getIfThere, readRef, versionsOf } from '../lookup.ts'
import { show } from '../print.ts'
import { poll } from '../wait.ts'

const refuseAlias = ({ dataset, owner }: Found): void => {
  if (dataset === owner) return
  const { namespace, name } = owner.metadata
  throw new CommandError(exit.usage, `${dataset.metadata.name} is an alias: name ${namespace}/${name}`)
}

const awaitVersion = (
  context: Context,
  { owner }: Found,
  isIt: (version: DatasetVersion) => boolean,
  waiting: string,
  look: () => Promise<void> = async () => {},
): Promise<DatasetVersion> =>
  poll(context, async () => {
    await look()
    const found = (await versionsOf(context, owner)).find((version) => isIt(version))
    if (found?.status?.phase === 'Failed')
      throw new CommandError(exit.badNews, `${found.metadata.name} failed (granary why ${found.metadata.name})`)
    return found?.status?.phase === 'Committed' ? { result: found } : { waiting }
  })

/** Brings a version back that was deleted and whose grace is not over. */
export const restore: Run = async (context, [text = '']) => {
  const ref = readRef(text)
  const number = formatSelector(ref.selector)
  if (ref.selector.kind !== 'number')
    throw new CommandError(exit.usage, `a deleted version is named by its number: ${ref.name}:v3`)
  const found = await findDataset(context, ref)
  refuseAlias(found)
  const isIt = ({ status }: DatasetVersion) => status?.version === number
  const there = (await versionsOf(context, found.owner)).find(isIt)
  if (there?.status?.phase === 'Committed' && there.metadata.deletionTimestamp === undefined)
    throw new CommandError(exit.conflict, `${ref.name}:${number} is not deleted`)
  const asked = `${number} ${newRequest(context)}`
  await request(context, kinds.Dataset, found.owner, annotations.restore, asked)
  if (context.wait === undefined) {
    show(context, { requested: asked }, () => `${ref.name}:${number} is to be brought back.`)
    return
  }
  const { namespace = '', name } = found.owner.metadata
  const refused = async () => {
    const now = await getIfThere<Dataset>(context, kinds.Dataset, namespace, name)
    // The version is made before the request counts as handled.
    if (now?.status?.lastHandledRestore !== asked || (await versionsOf(context, found.owner)).some(isIt)) return
    throw new CommandError(
      exit.badNews,
      `${ref.name}:${number} can not be brought back: its grace is over, or it never was`,
    )
  }
  const back = await awaitVersion(context, found, isIt, `${ref.name}:${number} is being brought back`, refused)
  show(context, back, () => `${ref.name}:${number} is back: ${back.status?.files} files, ${back.status?.size}.`)
}
