import type { Dataset } from '../../api/dataset.ts'
import * as kinds from '../../api/kinds.ts'
import { parseSelector, tagProblem } from '../../api/ref.ts'
import { unchanged } from '../../desired/json-patch.ts'
import type { Context, Run } from '../command.ts'
import { edit } from '../edit.ts'
import { CommandError, exit } from '../exit.ts'
import { type Found, findDataset, readRef, select, versionsOf } from '../lookup.ts'
import { age, show, table } from '../print.ts'
import { until } from '../wait.ts'

const findOwner = async (context: Context, name: string): Promise<Found> => findDataset(context, readRef(name))

/** Tags are the owner's: an alias has none of its own. */
const refuseAlias = ({ dataset, owner }: Found): void => {
  if (dataset === owner) return
  const { namespace, name } = owner.metadata
  throw new CommandError(
    exit.usage,
    `${dataset.metadata.name} is an alias; its tags are those of ${namespace}/${name}: name that one`,
  )
}

const committedNumber = async (context: Context, owner: Dataset, text: string): Promise<string> => {
  const { value, problem } = parseSelector(text)
  if (value === undefined) throw new CommandError(exit.usage, problem)
  const version = select(owner, await versionsOf(context, owner), value.selector)
  const { version: number, phase, digest } = version?.status ?? {}
  const { name } = owner.metadata
  if (number === undefined)
    throw new CommandError(exit.notFound, `${name}:${text}: there is no such version (granary versions ${name})`)
  if (phase !== 'Committed') throw new CommandError(exit.conflict, `${name}:${number} is ${phase}, not committed`)
  if (value.digest !== undefined && !digest?.startsWith(value.digest))
    throw new CommandError(exit.notFound, `${name}:${number} has the digest sha256:${digest}`)
  return number
}

const awaitTag = (context: Context, owner: Dataset, tag: string, number: string | undefined) => {
  const { namespace = '', name } = owner.metadata
  const at = (dataset: Dataset | undefined) => dataset?.status?.tags?.find((one) => one.name === tag)?.version
  return until<Dataset, true>(
    context,
    { kind: kinds.Dataset, namespace, name },
    (dataset) => (at(dataset) === number ? true : undefined),
    (dataset) => `waits until ${tag} is ${number ?? 'gone'}; it is ${at(dataset) ?? 'nowhere'}`,
  )
}

/** Writes the tag into spec.tags: a person's edit, with the person's own rights. */
export const set: Run = async (context, [name = '', tag = '', to = '']) => {
  const problem = tagProblem(tag)
  if (problem !== undefined) throw new CommandError(exit.usage, problem)
  const found = await findOwner(context, name)
  refuseAlias(found)
  const { owner } = found
  const number = await committedNumber(context, owner, to)
  const before = owner.status?.tags?.find((one) => one.name === tag)?.version
  await edit(context, kinds.Dataset, owner, (now) => {
    const tags = now.spec?.tags
    if (tags?.[tag] === number) return []
    return tags === undefined
      ? [unchanged(now), { op: 'add', path: '/spec/tags', value: { [tag]: number } }]
      : [{ op: 'add', path: `/spec/tags/${tag}`, value: number }]
  })
  if (context.wait !== undefined) await awaitTag(context, owner, tag, number)
  const was = before === undefined || before === number ? '' : ` (was ${before})`
  show(
    context,
    { tag, version: number, ...(before === undefined ? {} : { before }) },
    () => `${tag} is ${number}${was}`,
  )
}

export const rm: Run = async (context, [name = '', tag = '']) => {
  const found = await findOwner(context, name)
  refuseAlias(found)
  const { owner } = found
  const asking = (await versionsOf(context, owner)).filter(({ spec }) => spec.tags?.includes(tag))
  if (owner.spec?.tags?.[tag] === undefined) {
    const there = owner.status?.tags?.some((one) => one.name === tag)
    if (!there) throw new CommandError(exit.notFound, `${name} has no tag ${tag} (granary tag list ${name})`)
    throw new CommandError(
      exit.conflict,
      `${tag} is not declared in spec.tags; version ${asking[0]?.status?.version} asks for it itself: point the tag at another one with granary tag set ${name} ${tag} vN`,
    )
  }
  await edit(context, kinds.Dataset, owner, (now) =>
    now.spec?.tags?.[tag] === undefined ? [] : [{ op: 'remove', path: `/spec/tags/${tag}` }],
  )
  const left = asking.find(({ status }) => status?.phase === 'Committed')
  if (context.wait !== undefined && left === undefined) await awaitTag(context, owner, tag, undefined)
  show(context, { tag, removed: true }, () => `${tag} is removed`)
  if (left !== undefined) context.note(`${left.status?.version} asks for ${tag} itself and gets it back`)
}

type Tag = NonNullable<NonNullable<Dataset['status']>['tags']>[number]

export const list: Run = async (context, [name = '']) => {
  const { owner } = await findOwner(context, name)
  const tags = owner.status?.tags ?? []
  show(context, tags, () =>
    tags.length === 0
      ? `${name} has no tags.`
      : table<Tag>(
          [
            { name: 'TAG', of: (tag) => tag.name },
            { name: 'VERSION', of: (tag) => tag.version },
            { name: 'DECLARED', of: (tag) => (owner.spec?.tags?.[tag.name] === undefined ? 'no' : 'yes') },
            { name: 'MOVED', of: (tag) => age(tag.movedAt, context.now()) },
          ],
          tags,
        ),
  )
}

type Move = NonNullable<NonNullable<Dataset['status']>['tagHistory']>[number]

export const history: Run = async (context, [name = '', tag]) => {
  const { owner } = await findOwner(context, name)
  const moves = (owner.status?.tagHistory ?? []).filter((move) => tag === undefined || move.name === tag)
  show(context, moves, () =>
    moves.length === 0
      ? `No tag of ${name} has moved.`
      : table<Move>(
          [
            { name: 'TAG', of: (move) => move.name },
            { name: 'FROM', of: (move) => move.from },
            { name: 'TO', of: (move) => move.to },
            { name: 'WHEN', of: (move) => move.at },
          ],
          moves,
        ),
  )
}
