import { clusterEnvironment } from '../../scripts/cluster/environment.ts'
import { connect, type Session } from '../../scripts/lib/session.ts'

/** To the cluster that the suite's set-up brought up. */
export const currentSession = (): Session => connect(clusterEnvironment())
