/** A manifest, root or record that breaks the rules of layout 1. The message is a sentence; `path` names the file that is concerned. */
export class ManifestError extends Error {
  readonly path: string | undefined
  constructor(message: string, path?: string) {
    super(path === undefined ? message : `${message}: ${JSON.stringify(path)}`)
    this.name = 'ManifestError'
    this.path = path
  }
}
