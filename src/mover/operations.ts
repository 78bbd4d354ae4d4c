import type { MoveSpec, Operation } from '../api/move.ts'
import type { MoveDone } from '../api/move-result.ts'
import { runAdopt } from './adopt.ts'
import { checkpoint } from './checkpoint.ts'
import type { MoveDeps, Run } from './deps.ts'
import { finalize } from './finalize.ts'
import { runImport } from './import.ts'
import { materialize } from './materialize.ts'
import { mirror } from './mirror.ts'
import { populate } from './populate.ts'
import { runProbe } from './probe.ts'
import { runScan } from './scan.ts'
import { show } from './show.ts'
import { runSweep } from './sweep.ts'
import { verify } from './verify.ts'

const operations: { [Op in Operation]: Run<Op> } = {
  Import: runImport,
  Scan: runScan,
  Probe: runProbe,
  Populate: populate,
  Finalize: finalize,
  Materialize: materialize,
  Mirror: mirror,
  Checkpoint: checkpoint,
  Verify: verify,
  Show: show,
  Sweep: runSweep,
  Adopt: runAdopt,
}

/** Runs what the spec asks for. */
export const runOperation = (deps: MoveDeps, spec: MoveSpec): Promise<MoveDone> => {
  const run = operations[spec.op] as (deps: MoveDeps, spec: MoveSpec) => Promise<MoveDone>
  return run(deps, spec)
}
