import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { parseAllDocuments } from 'yaml'
import { DatasetSpec } from '../../src/api/dataset.ts'
import { DatasetVersionSpec } from '../../src/api/dataset-version.ts'
import { StorageProviderSpec } from '../../src/api/storage-provider.ts'

interface Example {
  kind?: string
  spec?: object
}

const schemas: Record<string, typeof DatasetSpec | typeof DatasetVersionSpec | typeof StorageProviderSpec> = {
  Dataset: DatasetSpec,
  DatasetVersion: DatasetVersionSpec,
  StorageProvider: StorageProviderSpec,
}

const text = readFileSync(new URL('../../README.md', import.meta.url), 'utf8')
const blocks = [...text.matchAll(/```yaml\n([\s\S]*?)```/g)].map((match) => match[1] ?? '')
const examples = blocks.flatMap((block) => parseAllDocuments(block).map((document) => document.toJS() as Example))

/** Every field that is written down exists and has a value that is allowed; a part of a spec without a kind is one of a Dataset. */
test.each(examples.filter(({ kind = 'Dataset', spec }) => spec !== undefined && kind in schemas).map((one) => [one]))(
  '%j',
  ({ kind = 'Dataset', spec }) => {
    const parsed = schemas[kind]?.safeParse(spec)
    expect(parsed?.error).toBeUndefined()
    expect(parsed?.data).toMatchObject(spec as object)
  },
)

test('links lead to headings and files that are there', () => {
  const anchors = [...text.matchAll(/^#+ (.+)$/gm)].map(
    ([, title = '']) =>
      `#${title
        .toLowerCase()
        .replaceAll(/[^a-z0-9 -]/g, '')
        .replaceAll(' ', '-')}`,
  )
  const links = [...text.matchAll(/\]\(([^)]+)\)/g)].map(([, link = '']) => link)
  expect(links.filter((link) => link.startsWith('#') && !anchors.includes(link))).toEqual([])
  const files = links.filter((link) => !link.startsWith('#') && !link.includes('://'))
  for (const file of files) expect(() => readFileSync(new URL(`../../${file}`, import.meta.url))).not.toThrow(/ENOENT/)
})
