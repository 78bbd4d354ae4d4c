import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { stringify } from 'yaml'
import { type Resource, toCrd } from '../src/api/crd.ts'
import { dataset } from '../src/api/crds/dataset.ts'
import { datasetVersion } from '../src/api/crds/dataset-version.ts'
import { storageProvider } from '../src/api/crds/storage-provider.ts'
import { volumeCache } from '../src/api/crds/volume-cache.ts'
import { group } from '../src/api/kinds.ts'
import { reasonsPage } from './generate/reasons.ts'
import { referencePage } from './generate/reference.ts'

/** Writes crds/*.yaml, docs/reference.md and docs/reasons.md from src/api; with --check says which of them differ, and changes nothing. */

const root = join(import.meta.dirname, '..')
const version = 'v1alpha1'
const resources: Resource[] = [dataset, datasetVersion, storageProvider, volumeCache]

const header = '# Generated from src/api by `npm run generate`; do not edit.\n'

// YAML 1.1 quotes y, n, on and off, which kubectl would read as booleans.
const yaml = (value: unknown): string =>
  header + stringify(value, { version: '1.1', lineWidth: 140, aliasDuplicateObjects: false })

const files = new Map<string, string>([
  ...resources.map((resource) => [`crds/${resource.plural}.yaml`, yaml(toCrd(group, version, resource))] as const),
  ['docs/reference.md', referencePage(resources)],
  ['docs/reasons.md', reasonsPage()],
])

const differs = async (path: string, content: string): Promise<boolean> =>
  (await readFile(join(root, path), 'utf8').catch(() => undefined)) !== content

const write = async (path: string, content: string): Promise<void> => {
  await mkdir(dirname(join(root, path)), { recursive: true })
  await writeFile(join(root, path), content)
}

const drifted: string[] = []
for (const [path, content] of files) if (await differs(path, content)) drifted.push(path)

if (process.argv.includes('--check')) {
  if (drifted.length > 0) {
    console.error(`${drifted.join(', ')}: not what src/api says. Run: npm run generate`)
    process.exitCode = 1
  }
} else {
  for (const path of drifted) await write(path, files.get(path) ?? '')
  console.log(drifted.length > 0 ? `wrote ${drifted.join(', ')}` : 'nothing to do')
}
