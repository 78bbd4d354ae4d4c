import type { Dataset } from '../api/dataset.ts'
import * as kinds from '../api/kinds.ts'
import { isAllowed } from '../desired/allowed.ts'
import { isHolder } from '../desired/in-use.ts'
import type { ClaimObject, PodObject } from '../desired/objects.ts'
import type { Volume } from '../desired/volumes.ts'
import type { Reader } from '../kube/types.ts'

/** Names of a controller's indexes. */
export interface HolderIndexes {
  claimsByContent: string
  podsByClaim: string
}

const believed = async (
  reader: Reader,
  claim: ClaimObject,
  key: string,
  dataset: Pick<Dataset, 'spec'> | undefined,
): Promise<boolean> => {
  const { namespace = '' } = claim.metadata
  const name = claim.spec?.volumeName
  const [home, volume] = await Promise.all([
    reader.get(kinds.Namespace, undefined, namespace),
    name === undefined ? undefined : reader.get<Volume>(kinds.Volume, undefined, name),
  ])
  const mayRead = home !== undefined && isAllowed(dataset?.spec?.allowedNamespaces, home)
  return isHolder(claim, key, { isAllowed: mayRead, volume })
}

/** Claims of any namespace that hold content of the Dataset `key` (`namespace/name`), forged ones left out, and the pods that mount them. */
export const holdersOf = async (
  reader: Reader,
  index: HolderIndexes,
  key: string,
  dataset: Pick<Dataset, 'spec'> | undefined,
): Promise<{ contentClaims: ClaimObject[]; contentPods: PodObject[] }> => {
  const said = await reader.byIndex<ClaimObject>(kinds.Claim, index.claimsByContent, key)
  const trust = await Promise.all(said.map((claim) => believed(reader, claim, key, dataset)))
  const contentClaims = said.filter((_, i) => trust[i])
  const pods = await Promise.all(
    contentClaims.map(({ metadata }) =>
      reader.byIndex<PodObject>(kinds.Pod, index.podsByClaim, `${metadata.namespace}/${metadata.name}`),
    ),
  )
  return { contentClaims, contentPods: [...new Map(pods.flat().map((pod) => [pod.metadata.uid, pod])).values()] }
}
