import { type Dataset, DatasetSpec } from '../../api/dataset.ts'
import type { DatasetVersion } from '../../api/dataset-version.ts'
import * as kinds from '../../api/kinds.ts'
import { parseSpec } from '../../api/schema.ts'
import { isAllowed } from '../../desired/allowed.ts'
import type { KubeObject, Reader } from '../../kube/types.ts'
import { index } from './indexes.ts'
import type { Alias } from './world.ts'

/** How many aliases of aliases are followed. */
const maxHops = 4

type Place = { namespace: string; name: string }

/** The Dataset at the end of a chain of aliases; undefined if there is none. */
const ownerOf = async (reader: Reader, target: Place): Promise<Dataset | undefined> => {
  let at = target
  for (let hop = 0; hop <= maxHops; hop++) {
    const dataset = await reader.get<Dataset>(kinds.Dataset, at.namespace, at.name)
    const spec = dataset && parseSpec(DatasetSpec, dataset).spec
    if (dataset === undefined || spec === undefined) return undefined
    if (spec.source?.dataset === undefined) return { ...dataset, spec }
    at = spec.source.dataset
  }
  return undefined
}

const mayRead = async (reader: Reader, owner: Dataset, namespace: string): Promise<boolean> => {
  if (owner.metadata.namespace === namespace) return true
  const home = await reader.get<KubeObject>(kinds.Namespace, undefined, namespace)
  return home !== undefined && isAllowed(owner.spec.allowedNamespaces, home)
}

/** What an alias leads to, as far as its namespace may read it. */
export const observeAlias = async (
  reader: Reader,
  spec: DatasetSpec,
  namespace: string,
): Promise<Alias | undefined> => {
  const target = spec.source?.dataset
  if (target === undefined) return undefined
  const asked = `Dataset ${target.namespace}/${target.name}`
  const owner = await ownerOf(reader, target)
  if (owner === undefined || !(await mayRead(reader, owner, namespace)))
    return { asked, elsewhere: target.namespace !== namespace, versions: [] }
  const key = `${owner.metadata.namespace}/${owner.metadata.name}`
  const versions = await reader.byIndex<DatasetVersion>(kinds.DatasetVersion, index.versionsByDataset, key)
  return { asked, elsewhere: target.namespace !== namespace, owner, versions }
}
