import type { Volume } from './volumes.ts'

/** Keys of node labels that name a node rather than a zone, as drivers put them on the volumes that they keep on one node. */
const namesNode = /(^|[./-])(hostname|node|nodename|node-?id)$/i

interface Expression {
  key?: string
  operator?: string
  values?: string[]
}

interface Affinity {
  required?: { nodeSelectorTerms?: { matchExpressions?: Expression[] }[] }
}

const nodeOfTerm = (expressions: readonly Expression[]): string | undefined => {
  const one = expressions.find(({ key = '', operator }) => operator === 'In' && namesNode.test(key))
  return one?.values?.length === 1 ? one.values[0] : undefined
}

/** The node that alone can use a volume, where its driver keeps it there; undefined where more can, whatever its access modes say. */
export const onlyNodeOf = ({ spec }: Volume): string | undefined => {
  const terms = (spec.nodeAffinity as Affinity | undefined)?.required?.nodeSelectorTerms ?? []
  const nodes = terms.map(({ matchExpressions = [] }) => nodeOfTerm(matchExpressions))
  const [first, ...more] = nodes
  return more.every((node) => node === first) ? first : undefined
}
