import * as z from 'zod'
import { exactlyOne, listOf, namespaceName, objectName, type Rule, sha256, text, withRules } from './schema.ts'

/** Below which keys or paths: empty, or ends in a slash. */
export const prefix = (description: string) =>
  withRules(text(`${description} Empty, or ends in a slash.`, 1024), [
    {
      rule: "self == '' || self.endsWith('/')",
      message: 'a prefix is empty or ends in a slash: write public/mnist/ instead of public/mnist',
    },
    {
      rule: "!self.startsWith('/') && !self.contains('//') && !('/' + self).contains('/../') && !('/' + self).contains('/./')",
      message: 'a prefix starts with a name and has no empty segment, "." or "..": write public/mnist/',
    },
  ])

const endpoint = (description: string) =>
  withRules(text(description, 512), [
    {
      rule: "self.matches('^https?://[^/?#@ ]+(/[^?#@ ]*)?$')",
      message:
        'an endpoint is http:// or https:// with a host and perhaps a port: https://s3.example.com (credentials go into a Secret, see spec.….credentials.secretName)',
    },
  ])

const bucket = z
  .string()
  .min(3)
  .max(222)
  .regex(/^[a-zA-Z0-9][a-zA-Z0-9._-]*$/)
  .meta({ description: 'Name of the bucket, without s3:// or gs://.' })

const s3 = z
  .object({
    bucket,
    region: text('Region of the bucket; default: us-east-1, or what the server does not care about.', 64).optional(),
    endpoint: endpoint('Address of an S3-compatible server; default: that of AWS for the region.').optional(),
    forcePathStyle: z.boolean().optional().meta({
      description: 'Put the bucket into the path instead of the host name; default: true if there is an endpoint.',
    }),
  })
  .meta({ description: 'Any S3-compatible store.' })

const gcs = z
  .object({ bucket, endpoint: endpoint('Address of another server that speaks the same protocol.').optional() })
  .meta({ description: 'Google Cloud Storage.' })

const relativePath = (description: string) =>
  withRules(text(description, 1024), [
    {
      rule: "!self.startsWith('/') && !('/' + self + '/').contains('/../')",
      message: 'a path is relative to the volume and has no "..": write team/mnist',
    },
  ])

const absolutePath = (description: string) =>
  withRules(text(description, 1024), [
    {
      rule: "self.startsWith('/') && !(self + '/').contains('/../')",
      message: 'this path starts with a slash and has no "..": write /exports/mnist',
    },
  ])

export const credentials = withRules(
  z.object({
    secretName: objectName(
      'A Secret of the same namespace with the keys that the tools of the provider use: AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and perhaps AWS_SESSION_TOKEN; service-account.json for Google.',
    ).optional(),
    serviceAccountName: objectName(
      'A ServiceAccount of the same namespace that the mover pod runs as (workload identity).',
    ).optional(),
    anonymous: z.boolean().optional().meta({ description: 'true: ask without credentials, for public buckets.' }),
  }),
  [
    {
      rule: exactlyOne(['secretName', 'serviceAccountName', 'anonymous']),
      message: 'credentials are exactly one of secretName, serviceAccountName or anonymous: true',
    },
    {
      rule: '!has(self.anonymous) || self.anonymous',
      message: "anonymous is true or not there: leave credentials out for the pod's own identity",
    },
  ],
).meta({ description: "How to prove who asks; default: the mover pod's own identity." })
export type Credentials = z.output<typeof credentials>

const caConfigMapName = objectName(
  'A ConfigMap of the same namespace whose key ca.crt holds the certificates to trust for this location.',
)

const provider = objectName('A StorageProvider of the same namespace.', 48)

const glob = text('A glob on the path under the prefix, such as **/*.png.', 512)

const identity: Rule = {
  rule: '!(has(self.credentials) || has(self.caConfigMapName)) || has(self.s3) || has(self.gcs)',
  message:
    'credentials and caConfigMapName go with s3 or gcs; a StorageProvider brings its own, other locations need none',
}

const bucketMembers = { s3: s3.optional(), gcs: gcs.optional() }
const identityMembers = { credentials: credentials.optional(), caConfigMapName: caConfigMapName.optional() }

const claim = z
  .object({
    name: objectName('Name of the claim, in the same namespace.'),
    path: relativePath('A directory of the volume; default: all of it.').optional(),
  })
  .meta({ description: 'A directory of a PersistentVolumeClaim.' })

/** Characters of all urls and paths, with 100 for what else is said of a file: they travel in an annotation of the mover's pod. */
const maxListing = 200_000
const maxTexts = 131_072
/** Characters of all globs: they travel in an environment variable of the mover's pod. */
const maxGlobs = 32_768

const sources = ['provider', 's3', 'gcs', 'claim', 'nfs', 'hostPath', 'http', 'inline', 'configMap', 'dataset']

/** Where a Dataset's data comes from. */
export const sourceLocation = withRules(
  z.object({
    provider: provider.optional(),
    ...bucketMembers,
    claim: claim
      .extend({
        live: z.boolean().optional().meta({
          description: 'true: read it though pods write to it, twice, and fail with the names of files that changed.',
        }),
      })
      .optional()
      .meta({ description: 'An existing workspace: a directory of a PersistentVolumeClaim.' }),
    nfs: z
      .object({ server: text('Host name or address.'), path: absolutePath('The exported directory.') })
      .optional()
      .meta({ description: 'A share.' }),
    hostPath: z
      .object({ path: absolutePath('The directory.') })
      .optional()
      .meta({ description: "A directory of the nodes, under prefixes that the operator's config allows." }),
    http: z
      .object({
        files: withRules(
          listOf(
            z.object({
              url: withRules(text('Address of the file.', 2048), [
                { rule: "self.matches('^https?://[^ ]+$')", message: 'a url starts with https:// or http://' },
              ]),
              path: relativePath('Where the file goes in the version.'),
              sha256: sha256('The sha256 of its bytes, 64 hex digits.'),
            }),
            256,
            'The files.',
          ),
          [
            {
              rule: `self.map(f, size(f.url) + size(f.path) + 100).sum() <= ${maxListing}`,
              message:
                'the urls and paths of all files are too long together (some 200,000 characters): make two Datasets of them',
            },
          ],
        ),
      })
      .optional()
      .meta({ description: 'Public files, each with its digest.' }),
    inline: z
      .object({
        files: withRules(z.record(z.string(), z.string().max(maxTexts)), [
          {
            rule: `self.map(path, size(path) + size(self[path])).sum() <= ${maxTexts}`,
            message: 'texts may have 128 KiB in all: put bigger data into a ConfigMap, a claim or a bucket',
          },
        ]).meta({ description: 'Path to text, 128 KiB in all.', maxProperties: 256 }),
      })
      .optional()
      .meta({ description: 'Small text files: labels, prompts, configs.' }),
    configMap: z
      .object({ name: objectName('Name of the ConfigMap.') })
      .optional()
      .meta({ description: 'The keys of a ConfigMap of the same namespace as files.' }),
    dataset: z
      .object({ namespace: namespaceName('Its namespace.'), name: objectName('Its name.', 48) })
      .optional()
      .meta({ description: "Another team's Dataset: makes this one an alias of it." }),
    prefix: prefix('Below which keys the data is.').optional(),
    include: listOf(glob, 256, 'Only paths that one of these globs matches; default: all.').optional(),
    exclude: listOf(glob, 256, 'Not the paths that one of these globs matches.').optional(),
    allowEmpty: z.boolean().optional().meta({ description: 'true: a prefix without any object is fine.' }),
    ...identityMembers,
  }),
  [
    {
      rule: exactlyOne(sources),
      message: `a source is exactly one of ${sources.join(', ')}`,
    },
    identity,
    {
      rule: '!has(self.prefix) || has(self.provider) || has(self.s3) || has(self.gcs)',
      message: 'prefix goes with provider, s3 or gcs; the other sources have a path of their own',
    },
    {
      rule: `(has(self.include) ? self.include.map(g, size(g)).sum() : 0) + (has(self.exclude) ? self.exclude.map(g, size(g)).sum() : 0) <= ${maxGlobs}`,
      message: 'include and exclude may have 32,768 characters together: use fewer globs with ** or {a,b} in them',
    },
  ],
).meta({ description: 'Where the data comes from: exactly one location. Absent: a Dataset of outputs only.' })
export type SourceLocation = z.output<typeof sourceLocation>

/** Where a Dataset's versions are kept. */
export const storeLocation = withRules(
  z.object({
    provider: provider.optional(),
    ...bucketMembers,
    claim: claim.optional(),
    prefix: prefix('Below which keys Granary keeps <namespace>/<name>/.').optional(),
    ...identityMembers,
  }),
  [
    {
      rule: exactlyOne(['provider', 's3', 'gcs', 'claim']),
      message: 'a store is exactly one of provider, s3, gcs or claim',
    },
    identity,
  ],
).meta({
  description:
    "Where versions are kept: exactly one location; default: the namespace's default StorageProvider, else the operator's default store. Fixed once a version exists.",
})
export type StoreLocation = z.output<typeof storeLocation>

/** Where the newest version is mirrored to, as plain objects. */
export const writeBackLocation = withRules(
  z.object({
    toSource: z.boolean().optional().meta({ description: 'true: to where spec.source points.' }),
    provider: provider.optional(),
    ...bucketMembers,
    prefix: prefix('Below which keys the files go.').optional(),
    ...identityMembers,
    prune: z
      .boolean()
      .default(false)
      .meta({ description: 'true: delete objects under the prefix that the version lacks.' }),
    onConflict: z.enum(['Fail', 'Overwrite']).default('Fail').meta({
      description:
        'Fail: an object that somebody else changed is left as it is, and said so. Overwrite: it is replaced.',
    }),
  }),
  [
    {
      rule: exactlyOne(['toSource', 'provider', 's3', 'gcs']),
      message: 'writeBack goes to exactly one of toSource: true, provider, s3 or gcs',
    },
    { rule: '!has(self.toSource) || self.toSource', message: 'toSource is true or not there' },
    {
      rule: '!has(self.toSource) || !has(self.prefix)',
      message: "toSource writes below the source's own prefix: leave prefix out, or name the provider",
    },
    identity,
  ],
).meta({ description: 'Mirror the newest version that a workload or a person made, as plain objects.' })
export type WriteBack = z.output<typeof writeBackLocation>

/** The location of a StorageProvider. */
export const providerMembers = {
  ...bucketMembers,
  claim: claim.optional(),
  prefix: prefix('Everything that uses this provider is below it.').optional(),
  ...identityMembers,
}
export const providerRules: Rule[] = [
  { rule: exactlyOne(['s3', 'gcs', 'claim']), message: 'a StorageProvider is exactly one of s3, gcs or claim' },
  identity,
]
