import type { KubeObject } from '../api/meta.ts'
import { annotations } from '../api/names.ts'

/** The rungs of the ladder, the best first. Each is followed by a check of every file against the manifest. */
export const rungs = ['Snapshot', 'Clone', 'Shared', 'Copy'] as const
export type Rung = (typeof rungs)[number]

/** How a claim's volume is filled, and from where it can be used. */
export interface Strategy {
  used: Rung
  reason: string
  reach: 'OneNode' | 'ManyNodes'
  /** Rungs that the driver was asked for and refused. */
  failed?: Rung[]
}

const isStrategy = (value: unknown): value is Strategy =>
  typeof value === 'object' && value !== null && 'used' in value && rungs.includes(value.used as Rung)

/** What is written on a claim or a prime; undefined if nothing is, or nothing that can be read. */
export const strategyOf = ({ metadata }: KubeObject): Strategy | undefined => {
  const text = metadata.annotations?.[annotations.strategy]
  if (text === undefined) return undefined
  try {
    const value: unknown = JSON.parse(text)
    return isStrategy(value) ? value : undefined
  } catch {
    return undefined
  }
}

/** Pods on many nodes can use a claim with these access modes. */
export const reachOf = (accessModes: readonly string[] | undefined): Strategy['reach'] =>
  accessModes?.some((mode) => mode.endsWith('Many')) ? 'ManyNodes' : 'OneNode'
