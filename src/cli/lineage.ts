import type { DatasetVersion } from '../api/dataset-version.ts'
import { parseRef } from '../api/ref.ts'

/** What a version was made from, or what was made from it, as a tree. */
export interface Related {
  /** `vision/mnist:v3` */
  ref: string
  /** How it is related to the one above it in the tree: it was read, or the volume began with it. */
  as?: 'input' | 'base'
  digest?: string
  phase?: string
  /** What made it: `Job train-7`, `sync of s3://team/mnist/`; `source` for an import of which no more is known. */
  producedBy?: string
  committedAt?: string
  /** There is no object of this version that can be seen. */
  unknown?: true
  /** Its own relatives stand elsewhere in the tree. */
  repeated?: true
  related: Related[]
}

/** The name of a version in the graph. */
export const keyOf = ({ metadata, spec, status }: DatasetVersion): string =>
  `${metadata.namespace}/${spec.dataset}:${status?.version ?? metadata.name}`

interface Edge {
  key: string
  as: 'input' | 'base'
  digest: string
}

/** What a version was made from, by its own account. */
export const sourcesOf = ({ metadata, spec, status }: DatasetVersion): Edge[] => {
  const { base, inputs = [] } = status ?? {}
  const read = inputs.map(({ ref, version, digest }): Edge => {
    const { value } = parseRef(ref)
    const { namespace = metadata.namespace, name = ref } = value ?? {}
    return { key: `${namespace}/${name}:${version}`, as: 'input', digest }
  })
  const began =
    base === undefined
      ? []
      : [{ key: `${metadata.namespace}/${spec.dataset}:v${base.sequence}`, as: 'base' as const, digest: base.digest }]
  return [...began, ...read]
}

/** What made a version, in words. */
export const maker = ({ spec, status }: DatasetVersion): string | undefined => {
  const { kind, name, source } = status?.producedBy ?? {}
  if (kind === 'Sync') return `sync of ${source}`
  if (spec.from?.source !== undefined) return 'source'
  return kind === undefined ? undefined : `${kind} ${name}`
}

const describe = (
  key: string,
  version: DatasetVersion | undefined,
  edge?: { as: Edge['as']; digest?: string },
): Related => {
  const { digest = edge?.digest, phase, committedAt } = version?.status ?? {}
  const producedBy = version === undefined ? undefined : maker(version)
  return {
    ref: key,
    ...(edge === undefined ? {} : { as: edge.as }),
    ...(digest === undefined ? {} : { digest }),
    ...(phase === undefined ? {} : { phase }),
    ...(producedBy === undefined ? {} : { producedBy }),
    ...(committedAt === undefined ? {} : { committedAt }),
    ...(version === undefined ? { unknown: true as const } : {}),
    related: [],
  }
}

type Step = (version: DatasetVersion) => { key: string; as: Edge['as']; digest?: string }[]

const grow = (byKey: ReadonlyMap<string, DatasetVersion>, step: Step, root: Related, seen: Set<string>): Related => {
  const version = byKey.get(root.ref)
  if (seen.has(root.ref)) return { ...root, repeated: true }
  seen.add(root.ref)
  const next = version === undefined ? [] : step(version)
  return {
    ...root,
    related: next.map((edge) => grow(byKey, step, describe(edge.key, byKey.get(edge.key), edge), seen)),
  }
}

export interface Lineage {
  version: Omit<Related, 'related'>
  /** What it was made from. */
  up: Related[]
  /** What was made from it. */
  down: Related[]
}

/** The graph around one version, from all versions that can be seen. Open versions count: what they read is known while they run. */
export const lineageOf = (start: DatasetVersion, versions: readonly DatasetVersion[]): Lineage => {
  const byKey = new Map([...versions, start].map((version) => [keyOf(version), version]))
  const users = new Map<string, { key: string; as: Edge['as'] }[]>()
  for (const version of byKey.values())
    for (const { key, as } of sourcesOf(version))
      users.set(key, [...(users.get(key) ?? []), { key: keyOf(version), as }])
  const root = describe(keyOf(start), start)
  const { related: up } = grow(byKey, sourcesOf, root, new Set())
  const { related: down } = grow(byKey, (version) => users.get(keyOf(version)) ?? [], root, new Set())
  const { related: _, ...version } = root
  return { version, up, down }
}
