import { otherCluster } from '../../scripts/cluster/environment.ts'
import { up } from '../../scripts/cluster/up.ts'

/** Before the end-to-end tests: the cluster runs and has the image of this tree. */
export default async function setup(): Promise<void> {
  const other = otherCluster()
  if (other) console.log(`KUBECONFIG names ${other}: the tests use that cluster`)
  else await up((line) => console.log(line))
}
