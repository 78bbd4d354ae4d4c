import type { DatasetSpec } from '../api/dataset.ts'
import type { KubeObject } from '../api/meta.ts'

type Expression = { key: string; operator: string; values?: string[] | undefined }

const holds = (labels: Record<string, string>, { key, operator, values = [] }: Expression): boolean => {
  const value = labels[key]
  if (operator === 'Exists') return value !== undefined
  if (operator === 'DoesNotExist') return value === undefined
  const within = value !== undefined && values.includes(value)
  return operator === 'In' ? within : operator === 'NotIn' && !within
}

/** Whether a Dataset lets that namespace read it. A selector without any condition selects nothing: what opens a Dataset to everybody is written out. */
export const isAllowed = (allowed: DatasetSpec['allowedNamespaces'], namespace: KubeObject): boolean => {
  if (allowed?.names?.includes(namespace.metadata.name)) return true
  const { selector } = allowed ?? {}
  if (selector?.matchLabels === undefined && selector?.matchExpressions === undefined) return false
  const labels = namespace.metadata.labels ?? {}
  return (
    Object.entries(selector.matchLabels ?? {}).every(([key, value]) => labels[key] === value) &&
    (selector.matchExpressions ?? []).every((expression) => holds(labels, expression))
  )
}

/** The same words whether the Dataset does not allow it or is not there: nobody learns what exists in another namespace. */
export const notAllowed = (namespace: string | undefined, asked: string): string =>
  `Namespace ${namespace} may not read ${asked}, or there is none of that name: its owner adds the namespace to spec.allowedNamespaces of the Dataset.`
