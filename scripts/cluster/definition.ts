import { createHash } from 'node:crypto'
import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { repository } from './paths.ts'

/** Changes whenever the cluster's own scripts or the pins of its programs change. */
export const definitionStamp = (): string => {
  const dir = join(repository, 'scripts', 'cluster')
  const files = globSync(['**/*.ts', '**/*.proto', '**/go.mod'], { cwd: dir })
  const hash = createHash('sha256')
  for (const file of files.sort()) hash.update(file).update(readFileSync(join(dir, file)))
  return hash.digest('hex')
}
