import { ownStoreFlags, storeFlags } from './bytes.ts'
import type { Command } from './command.ts'

const tags = async () => import('./verbs/tag.ts')
const files = async () => import('./verbs/files.ts')
const ends = async () => import('./verbs/commit.ts')
const rescues = async () => import('./verbs/rescue.ts')

/** Every verb for people, in the order of the help. The name may be two words. */
export const commands: Record<string, Command> = {
  list: {
    args: '',
    summary: 'lists Datasets',
    takes: ['output', 'allNamespaces'],
    load: async () => (await import('./verbs/list.ts')).list,
  },
  get: {
    args: 'REF',
    summary: 'shows a Dataset, or one version: mnist, mnist:v3, vision/mnist:prod',
    takes: ['output'],
    load: async () => (await import('./verbs/get.ts')).get,
  },
  versions: {
    args: 'NAME',
    summary: 'lists the versions of a Dataset',
    takes: ['output'],
    load: async () => (await import('./verbs/versions.ts')).versions,
  },
  why: {
    args: 'NAME',
    summary: 'says what a Dataset, a version, a claim or a pod waits for',
    takes: ['output'],
    load: async () => (await import('./verbs/why.ts')).why,
  },
  sync: {
    args: 'NAME',
    summary: 'has the source looked at now',
    takes: ['output', 'wait'],
    load: async () => (await import('./verbs/sync.ts')).sync,
  },
  commit: {
    args: 'VERSION',
    summary: 'commits a version that is open or uncommitted',
    flags: {
      checkpoint: { type: 'boolean', summary: 'commits what was saved last, because its volume is lost' },
    },
    takes: ['output', 'wait'],
    load: async () => (await ends()).commit,
  },
  abandon: {
    args: 'VERSION',
    summary: 'drops what was written to a version that is not committed',
    takes: ['output', 'wait'],
    load: async () => (await ends()).abandon,
  },
  diff: {
    args: 'REF REF',
    summary: 'shows what changed from one version to another',
    flags: storeFlags,
    takes: ['output'],
    load: async () => (await import('./verbs/diff.ts')).diff,
  },
  'files list': {
    args: 'REF [PATH]',
    summary: 'lists the files of a version',
    flags: storeFlags,
    takes: ['output'],
    load: async () => (await files()).list,
  },
  'files cat': {
    args: 'REF PATH',
    summary: 'prints a file of a version',
    flags: ownStoreFlags,
    load: async () => (await files()).cat,
  },
  'files get': {
    args: 'REF PATH [TO]',
    summary: 'fetches a file of a version, or what is below a directory',
    flags: ownStoreFlags,
    takes: ['output'],
    load: async () => (await files()).get,
  },
  verify: {
    args: 'REF',
    summary: 'has a version compared with its manifest',
    flags: {
      fast: { type: 'boolean', summary: 'names and sizes alone, no byte is read' },
      subset: { type: 'string', value: 'N/T', summary: 'the n-th of t equal parts' },
      claim: { type: 'string', value: 'NAME', summary: 'the volume of this read-only claim, instead of the store' },
    },
    takes: ['output', 'wait'],
    load: async () => (await import('./verbs/verify.ts')).verify,
  },
  checkpoint: {
    args: 'VERSION',
    summary: 'saves what is on the volume of an open version while its writer runs',
    takes: ['output', 'wait'],
    load: async () => (await import('./verbs/checkpoint.ts')).checkpoint,
  },
  restore: {
    args: 'REF',
    summary: 'brings a deleted version back: granary restore mnist:v3',
    takes: ['output', 'wait'],
    load: async () => (await import('./verbs/restore.ts')).restore,
  },
  materialize: {
    args: 'REF',
    summary: 'makes a version of the same content whose bytes are all in the store',
    flags: { message: { type: 'string', value: 'TEXT', summary: 'what the new version is' } },
    takes: ['output', 'wait'],
    load: async () => (await import('./verbs/materialize.ts')).materialize,
  },
  gc: {
    args: 'NAME',
    summary: 'has what nothing refers to removed from a store now, or says what would go',
    flags: { 'dry-run': { type: 'boolean', summary: 'says what would go, and changes nothing' }, ...storeFlags },
    takes: ['output', 'wait'],
    load: async () => (await import('./verbs/gc.ts')).gc,
  },
  lineage: {
    args: 'REF',
    summary: 'shows what a version was made from, and what was made from it',
    flags: {
      store: { type: 'boolean', summary: 'also reads the records in the store, for versions that were adopted' },
      ...storeFlags,
    },
    takes: ['output'],
    load: async () => (await import('./verbs/lineage.ts')).lineage,
  },
  'tag set': {
    args: 'NAME TAG VERSION',
    summary: 'points a tag at a version: granary tag set mnist prod v12',
    takes: ['output', 'wait'],
    load: async () => (await tags()).set,
  },
  'tag list': {
    args: 'NAME',
    summary: 'lists the tags of a Dataset',
    takes: ['output'],
    load: async () => (await tags()).list,
  },
  'tag rm': {
    args: 'NAME TAG',
    summary: 'removes a declared tag',
    takes: ['output', 'wait'],
    load: async () => (await tags()).rm,
  },
  'tag history': {
    args: 'NAME [TAG]',
    summary: 'shows where tags pointed before',
    takes: ['output'],
    load: async () => (await tags()).history,
  },
  adopt: {
    args: 'NAME',
    summary: 'takes over the versions that an earlier Dataset of this name left in the store',
    takes: ['output', 'wait'],
    load: async () => (await import('./verbs/adopt.ts')).adopt,
  },
  'rescue list': {
    args: '',
    summary: 'lists bytes whose claim or namespace is gone and that wait for a person',
    takes: ['output'],
    load: async () => (await rescues()).list,
  },
  'rescue adopt': {
    args: 'CLAIM DATASET',
    summary: 'commits such bytes as a version of a Dataset: granary rescue adopt rescue-… vision/labels',
    takes: ['output', 'wait'],
    load: async () => (await rescues()).adopt,
  },
  uninstall: {
    args: '',
    summary: 'stops the operator and lets all objects go, so that the kinds can be deleted; bytes in stores stay',
    flags: { release: { type: 'boolean', summary: 'though outputs are not committed: their volumes are left behind' } },
    takes: ['output'],
    load: async () => (await import('./verbs/uninstall.ts')).uninstall,
  },
}
