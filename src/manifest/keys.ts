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
