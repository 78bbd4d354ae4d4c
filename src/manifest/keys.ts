/** Names of layout 1 under a Dataset's directory; `prefix` is the whole `<prefix><namespace>/<name>/`. */
export const layoutKey = (prefix: string): string => `${prefix}LAYOUT.json`
export const dataPrefix = (prefix: string, sequence: number): string => `${prefix}data/v${sequence}/`
export const dataKey = (prefix: string, sequence: number, path: string): string =>
  `${dataPrefix(prefix, sequence)}${path}`
export const shardKey = (prefix: string, sha256: string): string => `${prefix}manifests/${sha256}.ndjson.gz`
export const rootKey = (prefix: string, sha256: string): string => `${prefix}roots/${sha256}.json`
export const versionsPrefix = (prefix: string): string => `${prefix}versions/`
export const versionKey = (prefix: string, sequence: number): string => `${versionsPrefix(prefix)}v${sequence}.json`
export const uploadsPrefix = (prefix: string, sequence: number): string => `${prefix}uploads/v${sequence}/`
/** Says which attempt writes under the number. */
export const turnKey = (prefix: string, sequence: number): string => `${uploadsPrefix(prefix, sequence)}turn.json`
/** Says which attempt's journal is a whole checkpoint. */
export const checkpointKey = (prefix: string, sequence: number): string =>
  `${uploadsPrefix(prefix, sequence)}checkpoint.json`
export const allData = (prefix: string): string => `${prefix}data/`
export const allUploads = (prefix: string): string => `${prefix}uploads/`
export const manifestsPrefix = (prefix: string): string => `${prefix}manifests/`
export const rootsPrefix = (prefix: string): string => `${prefix}roots/`
export const tombstonesPrefix = (prefix: string): string => `${prefix}tombstones/`
export const tombstoneKey = (prefix: string, sequence: number): string => `${tombstonesPrefix(prefix)}v${sequence}.json`
export const tagsPrefix = (prefix: string): string => `${prefix}tags/`
export const tagKey = (prefix: string, tag: string): string => `${tagsPrefix(prefix)}${tag}.json`
