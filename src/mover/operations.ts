import type { MoveDone, MoveSpec, Operation } from '../api/move.ts'
import type { MoveDeps, Run } from './deps.ts'
import { MoveFailure } from './failure.ts'
import { finalize } from './finalize.ts'
import { populate } from './populate.ts'

const operations: { [Op in Operation]?: Run<Op> } = {
  Finalize: finalize,
  Populate: populate,
}

/** Runs what the spec asks for. */
export const runOperation = (deps: MoveDeps, spec: MoveSpec): Promise<MoveDone> => {
  const run = operations[spec.op] as ((deps: MoveDeps, spec: MoveSpec) => Promise<MoveDone>) | undefined
  if (run === undefined) throw new MoveFailure('InvalidSpec', `this mover has no operation ${spec.op}`)
  return run(deps, spec)
}
