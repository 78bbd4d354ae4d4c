import type { Condition } from './meta.ts'
import type { ReasonName } from './reasons.ts'

/** What a controller says; `message` is a sentence for people. */
export interface ConditionUpdate {
  type: string
  status: Condition['status']
  reason: ReasonName
  message: string
  observedGeneration?: number
}

/** metav1.Condition allows 32,768 bytes; longer than this helps nobody. */
const maxMessage = 4096

/**
 * The list with this condition in it. `lastTransitionTime` changes only with the status; order is kept, so that an unchanged condition leaves an equal list.
 * @param now ms since 1970
 */
export const setCondition = (
  list: readonly Condition[] | undefined,
  next: ConditionUpdate,
  now: number,
): Condition[] => {
  const conditions = list ?? []
  const before = conditions.find((condition) => condition.type === next.type)
  const condition: Condition = {
    ...next,
    message: next.message.slice(0, maxMessage),
    lastTransitionTime:
      before?.status === next.status ? before.lastTransitionTime : `${new Date(now).toISOString().slice(0, 19)}Z`,
  }
  return before === undefined
    ? [...conditions, condition]
    : conditions.map((other) => (other.type === next.type ? condition : other))
}

/** The list without conditions of this type: for those that are only there while they hold (Reconciling, Stalled). */
export const removeCondition = (list: readonly Condition[] | undefined, type: string): Condition[] =>
  (list ?? []).filter((condition) => condition.type !== type)

export const findCondition = (list: readonly Condition[] | undefined, type: string): Condition | undefined =>
  list?.find((condition) => condition.type === type)

export const isTrue = (list: readonly Condition[] | undefined, type: string): boolean =>
  findCondition(list, type)?.status === 'True'
