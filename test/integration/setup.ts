import { ensureServerPrerequisites } from '../../scripts/cluster/prerequisites.ts'
import { ensurePrograms } from '../../scripts/cluster/programs.ts'

/** Before the integration tests: the servers are built, so that no test's deadline has to wait for a compiler. */
export default async function setup(): Promise<void> {
  const log = (line: string) => console.log(line)
  await ensureServerPrerequisites(log)
  await ensurePrograms(['etcd', 'kube-apiserver', 'versitygw', 'fake-gcs-server', 'minio'], log)
}
