import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { repository } from '../cluster/paths.ts'
import type { Session } from './session.ts'

const namespace = 'granary-system'

/** Applies config/dev (the default installation with the image that `cluster up` made) and waits until the operator that serves is this bundle's. */
export const installOperator = async (session: Session): Promise<void> => {
  await session.kubectl(['apply', '--server-side', '--force-conflicts', '-k', join(repository, 'config', 'dev')])
  const bundle = createHash('sha256')
    .update(readFileSync(join(repository, 'dist', 'main.js')))
    .digest('hex')
  // The image's tag stays the same: the annotation makes a new bundle a new pod.
  const patch = { spec: { template: { metadata: { annotations: { 'granary.dev/bundle': bundle.slice(0, 16) } } } } }
  await session.kubectl([
    '-n',
    namespace,
    'patch',
    'deployment',
    'granary',
    '--type=merge',
    '-p',
    JSON.stringify(patch),
  ])
  await session.kubectl(['-n', namespace, 'rollout', 'status', 'deployment/granary', '--timeout=180s'])
}
