import { findCondition } from '../../api/conditions.ts'
import type { Dataset } from '../../api/dataset.ts'
import type { DatasetVersion } from '../../api/dataset-version.ts'
import type { Condition } from '../../api/meta.ts'
import type { Run } from '../command.ts'
import { CommandError, exit } from '../exit.ts'
import { maker } from '../lineage.ts'
import { findVersion, followAlias, getDataset, readRef } from '../lookup.ts'
import { facts, show, table } from '../print.ts'

const conditionTable = (conditions: Condition[] | undefined): string =>
  (conditions ?? []).length === 0
    ? ''
    : `\n\n${table(
        [
          { name: 'CONDITION', of: ({ type }) => type },
          { name: 'STATUS', of: ({ status }) => status },
          { name: 'REASON', of: ({ reason }) => reason },
          { name: 'MESSAGE', of: ({ message }) => message },
        ],
        conditions ?? [],
      )}`

const describeDataset = (dataset: Dataset, owner: Dataset): string => {
  const { metadata, spec, status } = dataset
  const target = spec?.source?.dataset
  const alias = target === undefined ? undefined : `${target.namespace}/${target.name}`
  const { latest, tags, store, lastSync } = owner.status ?? {}
  const text = facts([
    ['Name', metadata.name],
    ['Namespace', metadata.namespace],
    ['Description', spec?.description],
    ['Alias of', alias],
    ['Source', alias === undefined ? status?.source : undefined],
    ['Store', store === undefined ? undefined : `${store.kind}://${store.bucket}/${store.prefix}`],
    ['Import', owner.status?.import?.mode],
    ['Latest', latest === undefined ? 'none' : `${latest.version}, ${latest.files} files, ${latest.size}`],
    ['Digest', latest === undefined ? undefined : `sha256:${latest.digest}`],
    ['Tags', tags?.map((tag) => `${tag.name}=${tag.version}`).join(', ')],
    ['Last look', lastSync?.finishedAt === undefined ? undefined : `${lastSync.finishedAt} (${lastSync.result})`],
    ['Next look', owner.status?.nextSyncAt],
  ])
  return text + conditionTable(status?.conditions)
}

const describeVersion = (ref: string, version: DatasetVersion): string => {
  const { metadata, spec, status = {} } = version
  const made = maker(version)
  const text = facts([
    ['Version', ref],
    ['Object', metadata.name],
    ['Phase', status.phase ?? 'Pending'],
    ['Message', spec.message],
    ['Digest', status.digest === undefined ? undefined : `sha256:${status.digest}`],
    ['Files', status.files],
    ['Size', status.size],
    ['Progress', status.progress?.summary],
    ['Made by', made === 'source' ? 'import of the source' : made],
    ['From', status.inputs?.map((input) => `${input.ref} (${input.version})`).join(', ')],
    ['Parent', status.parent === undefined ? undefined : `v${status.parent}`],
    ['Committed', status.committedAt],
    ['Written back', status.mirror?.finishedAt === undefined ? undefined : status.mirror.location],
    ['Retries at', status.nextRetryAt],
  ])
  return text + conditionTable(status.conditions)
}

/** A Dataset by its name, or one version by a ref that says which. */
export const get: Run = async (context, [text = '']) => {
  if (/[:@]/.test(text)) {
    const { version, ref } = await findVersion(context, text)
    show(context, version, () => describeVersion(ref, version))
    return
  }
  const dataset = await getDataset(context, readRef(text))
  const owner = await followAlias(context, dataset).catch((error) => {
    // Its own status says what its namespace may know.
    if (error instanceof CommandError && error.code === exit.notAllowed) return dataset
    throw error
  })
  show(context, dataset, () => describeDataset(dataset, owner))
  const ready = findCondition(dataset.status?.conditions, 'Ready')
  if (context.format === 'table' && ready?.status === 'False')
    context.note(`granary why ${text} says what it waits for`)
}
