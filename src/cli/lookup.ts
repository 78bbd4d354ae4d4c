import type { Dataset } from '../api/dataset.ts'
import type { DatasetVersion } from '../api/dataset-version.ts'
import * as kinds from '../api/kinds.ts'
import type { Kind, KubeObject } from '../api/meta.ts'
import { type DatasetRef, formatRef, parseRef, type Selector } from '../api/ref.ts'
import { isApiError } from '../kube/api-error.ts'
import type { Context } from './command.ts'
import { CommandError, exit } from './exit.ts'

/** A Dataset as it was named, and the one that keeps its versions (another one for an alias). */
export interface Found {
  dataset: Dataset
  owner: Dataset
}

/** How many aliases of aliases are followed. */
const maxHops = 4

const notFound = (message: string) => new CommandError(exit.notFound, message)

/** An object, or undefined if there is none. */
export const getIfThere = async <T extends KubeObject>(
  { client, signal }: Context,
  kind: Kind,
  namespace: string,
  name: string,
): Promise<T | undefined> => {
  try {
    return await client.get<T>({ kind, namespace, name }, { signal })
  } catch (error) {
    if (isApiError(error, (e) => e.isNotFound)) return undefined
    throw error
  }
}

export const readRef = (text: string): DatasetRef => {
  const { value, problem } = parseRef(text)
  if (value === undefined) throw new CommandError(exit.usage, problem)
  return value
}

/** The Dataset of a ref, as it is named. */
export const getDataset = async (context: Context, ref: { namespace?: string; name: string }): Promise<Dataset> => {
  const { namespace = context.namespace, name } = ref
  const dataset = await getIfThere<Dataset>(context, kinds.Dataset, namespace, name)
  if (dataset !== undefined) return dataset
  throw notFound(`there is no Dataset ${name} in namespace ${namespace}: granary list -A shows those that are there`)
}

/** The Dataset that keeps the versions of a Dataset: itself, or the one that an alias leads to. */
export const followAlias = async (context: Context, dataset: Dataset): Promise<Dataset> => {
  const { namespace, name } = dataset.metadata
  let owner = dataset
  for (let hop = 0; owner.spec?.source?.dataset !== undefined; hop++) {
    const to = owner.spec.source.dataset
    const get = async () => getIfThere<Dataset>(context, kinds.Dataset, to.namespace, to.name)
    const next = hop < maxHops ? await get().catch((error) => forbidden(error, dataset, to)) : undefined
    if (next === undefined)
      throw notFound(`${namespace}/${name} is an alias of ${to.namespace}/${to.name}, which can not be found`)
    owner = next
  }
  return owner
}

const forbidden = (error: unknown, { metadata }: Dataset, to: { namespace: string; name: string }): never => {
  if (!isApiError(error, (e) => e.isForbidden)) throw error
  throw new CommandError(
    exit.notAllowed,
    `${metadata.name} is an alias of ${to.namespace}/${to.name}, and you may not look at Datasets and DatasetVersions there: claims can use it all the same (granary get ${metadata.name} shows its latest version)`,
    { cause: error },
  )
}

/** The Dataset of a ref, aliases followed. */
export const findDataset = async (context: Context, ref: { namespace?: string; name: string }): Promise<Found> => {
  const dataset = await getDataset(context, ref)
  return { dataset, owner: await followAlias(context, dataset) }
}

/** The versions of a Dataset, the highest number first, those without one before. */
export const versionsOf = async ({ client, signal }: Context, { metadata }: Dataset): Promise<DatasetVersion[]> => {
  const { namespace = '', name } = metadata
  const { items } = await client.list<DatasetVersion>(kinds.DatasetVersion, { namespace, signal })
  const number = (version: DatasetVersion) => version.status?.sequence ?? Number.POSITIVE_INFINITY
  return items.filter((version) => version.spec.dataset === name).sort((a, b) => number(b) - number(a) || 0)
}

/** The version that a selector means now: committed or not for a number, committed for `latest` and tags. */
export const select = (
  owner: Dataset,
  versions: readonly DatasetVersion[],
  selector: Selector,
): DatasetVersion | undefined => {
  const numbered = (number: string | undefined) => versions.find(({ status }) => status?.version === number)
  switch (selector.kind) {
    case 'latest':
      return versions.find(({ status }) => status?.phase === 'Committed')
    case 'number':
      return numbered(`v${selector.sequence}`)
    case 'tag':
      return numbered(owner.status?.tags?.find(({ name }) => name === selector.tag)?.version ?? 'none')
    case 'run':
      throw new CommandError(exit.usage, ':run means something within a run only: name a number, a tag or latest')
  }
}

export interface FoundVersion extends Found {
  version: DatasetVersion
  /** `vision/mnist:v3`: whose version it is, by number. */
  ref: string
}

const missing = (ref: DatasetRef, { owner }: Found): string => {
  const named = formatRef(ref)
  if (ref.selector.kind === 'latest') return `${named}: there is no committed version yet (granary why ${ref.name})`
  const where = owner.metadata.namespace
  return `${named}: there is no such version (granary versions ${owner.metadata.name} -n ${where} shows those that are there)`
}

/** The version that a ref means now. */
export const findVersion = async (context: Context, text: string): Promise<FoundVersion> => {
  const ref = readRef(text)
  const found = await findDataset(context, ref)
  const version = select(found.owner, await versionsOf(context, found.owner), ref.selector)
  if (version === undefined) throw notFound(missing(ref, found))
  const { digest, version: number } = version.status ?? {}
  if (ref.digest !== undefined && !digest?.startsWith(ref.digest))
    throw notFound(`${formatRef(ref)}: ${number} has the digest sha256:${digest}`)
  const { namespace, name } = found.owner.metadata
  return { ...found, version, ref: `${namespace}/${name}:${number ?? version.metadata.name}` }
}

/** The same, of a version that has bytes in the store. */
export const findCommitted = async (context: Context, text: string): Promise<FoundVersion> => {
  const found = await findVersion(context, text)
  const { phase = 'Pending', rootDigest } = found.version.status ?? {}
  if (phase !== 'Committed' || rootDigest === undefined)
    throw new CommandError(exit.conflict, `${found.ref} is ${phase}, not committed`)
  return found
}

/** A version by the name of its object, or by a ref that says a number or tag. */
export const findVersionObject = async (context: Context, text: string): Promise<DatasetVersion> => {
  if (!/[:@/]/.test(text)) {
    const version = await getIfThere<DatasetVersion>(context, kinds.DatasetVersion, context.namespace, text)
    if (version !== undefined) return version
    throw notFound(`there is no DatasetVersion ${text} in namespace ${context.namespace}: name it, or write NAME:vN`)
  }
  return (await findVersion(context, text)).version
}
