import type { KubeObject } from '../../api/meta.ts'
import type { Claim } from '../../desired/volumes.ts'
import { keyOf } from '../../kube/kind-of.ts'
import { isBound } from './decide/facts.ts'
import { isOurs } from './observe.ts'

const sameLabels = (one: KubeObject, other: KubeObject): boolean =>
  JSON.stringify(one.metadata.labels ?? {}) === JSON.stringify(other.metadata.labels ?? {})

/**
 * Claims without a volume, as they were last seen: what a Dataset allows, and which labels a namespace has, concerns them. Lives as long as its
 * controller; a claim that is seen later looks by itself.
 */
export class WaitingClaims {
  readonly #keys = new Map<string, string>()

  /** It is gone. */
  forget(key: string): void {
    this.#keys.delete(key)
  }

  /** A claim came or changed. */
  note(claim: Claim): void {
    const key = keyOf(claim)
    if (!isOurs(claim) || isBound(claim)) this.#keys.delete(key)
    else this.#keys.set(key, claim.metadata.namespace ?? '')
  }

  /** A Dataset came, or its spec changed: rare enough to ask all that wait, whatever chain of aliases they name it by. */
  onDataset(dataset: KubeObject, old?: KubeObject): string[] {
    return old !== undefined && old.metadata.generation === dataset.metadata.generation ? [] : [...this.#keys.keys()]
  }

  /** Labels of a namespace changed. */
  onNamespace(namespace: KubeObject, old?: KubeObject): string[] {
    if (old !== undefined && sameLabels(namespace, old)) return []
    return [...this.#keys].filter(([, home]) => home === namespace.metadata.name).map(([key]) => key)
  }
}
