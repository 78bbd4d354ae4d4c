import type { SourceLocation } from '../api/location.ts'
import { packTexts } from '../lib/packed-texts.ts'
import {
  directoryPrefix,
  type Mount,
  type ProviderObject,
  type Resolution,
  type ResolvedLocation,
  resolveLocation,
} from './location.ts'
import { hostPathPlace, shareClaimName } from './share.ts'

/** What a source is resolved with: whose it is, and what the operator's config allows. */
export interface SourceContext {
  /** uid of the Dataset. */
  uid: string
  providers: readonly ProviderObject[]
  /** Prefixes of the nodes' directories that a source may be under. */
  allowHostPath: readonly string[]
}

/** What may be written into a Dataset as text, bytes of paths included. */
const maxInlineBytes = 128 * 1024
/** A pod's annotations may have 256 KiB in all. */
const maxDocumentBytes = 224 * 1024

const bytesOf = (text: string): number => new TextEncoder().encode(text).length

const refused = (message: string): Resolution => ({ reason: 'InvalidSpec', message })

const documented = (kind: 'inline' | 'http', text: string, tooLong: string): Resolution => {
  if (bytesOf(text) > maxDocumentBytes) return refused(tooLong)
  return { location: { document: kind, prefix: '', mount: { document: text } } }
}

const inline = (files: Record<string, string>): Resolution => {
  const bytes = Object.entries(files).reduce((sum, [path, text]) => sum + bytesOf(path) + bytesOf(text), 0)
  const tooLong = `spec.source.inline has ${bytes} bytes, and may have ${maxInlineBytes}: put bigger data into a ConfigMap, a claim or a bucket.`
  if (bytes > maxInlineBytes) return refused(tooLong)
  return documented('inline', packTexts(files), tooLong)
}

type Files = NonNullable<SourceLocation['http']>['files']

/** Whether a url carries a password or a key in its authority; nothing of it is repeated. */
const hasUser = (url: string): boolean => /^[a-z]+:\/\/[^/?#]*@/i.test(url)

const http = (files: Files): Resolution => {
  const bad = files.find(({ url }) => hasUser(url))
  if (bad !== undefined)
    return refused(`spec.source.http: the url of ${bad.path} has a user name in it: only public files can be read.`)
  const twice = files.find(({ path }, i) => files.findIndex((other) => other.path === path) !== i)
  if (twice !== undefined)
    return refused(`spec.source.http names ${twice.path} twice: give each file a path of its own.`)
  const text = JSON.stringify({ http: files.map(({ url, path, sha256 }) => ({ url, path, sha256 })) })
  const tooLong = `spec.source.http has ${bytesOf(text)} bytes of urls, paths and digests, and may have ${maxDocumentBytes}: make two Datasets of it.`
  return documented('http', text, tooLong)
}

const share = (context: SourceContext, directory: ResolvedLocation['directory'], prefix: string): Resolution => {
  const mount: Mount = { claimName: shareClaimName(context.uid), readOnly: true }
  return { location: { ...(directory === undefined ? {} : { directory }), prefix, mount } }
}

/** Where `spec.source` of a Dataset points. A share and a directory of the nodes are reached through a claim that Granary makes. */
export const resolveSource = (source: SourceLocation, context: SourceContext): Resolution => {
  const { inline: texts, http: files, configMap, nfs, hostPath } = source
  if (texts !== undefined) return inline(texts.files)
  if (files !== undefined) return http(files.files)
  if (configMap !== undefined) return { location: { configMap, prefix: '', mount: { configMapName: configMap.name } } }
  if (nfs !== undefined) return share(context, { kind: 'nfs', label: `nfs://${nfs.server}${nfs.path}` }, '')
  if (hostPath !== undefined) {
    const place = hostPathPlace(hostPath.path, context.allowHostPath)
    if ('reason' in place) return place
    return share(context, { kind: 'hostPath', label: `hostPath ${hostPath.path}` }, directoryPrefix(place.below))
  }
  return resolveLocation(source, context.providers)
}

/** Whether versions can point at the objects of a source: where a store keeps them under a name and a state. */
export const isBucket = ({ s3, gcs }: ResolvedLocation): boolean => s3 !== undefined || gcs !== undefined
