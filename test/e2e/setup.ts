import { clusterEnvironment, otherCluster } from '../../scripts/cluster/environment.ts'
import { up } from '../../scripts/cluster/up.ts'
import { installOperator } from '../../scripts/lib/operator.ts'
import { connect } from '../../scripts/lib/session.ts'

/** Before the end-to-end tests: the cluster runs, has the image of this tree, and its operator serves. */
export default async function setup(): Promise<void> {
  const other = otherCluster()
  if (other) console.log(`KUBECONFIG names ${other}: the tests use that cluster`)
  else await up((line) => console.log(line))
  await installOperator(connect(clusterEnvironment()))
}
