import { ManifestError } from '../manifest/error.ts'
import { readManifest } from '../manifest/read.ts'
import type { Entry, Root } from '../manifest/types.ts'
import { StoreError } from '../stores/object-store.ts'
import type { Origin } from '../transfer/fetch.ts'
import { Findings, inPart } from '../transfer/findings.ts'
import { fetchRoot, shardsOf } from '../transfer/manifest-store.ts'
import { verifyBytes, verifyListing } from '../transfer/verify-store.ts'
import { verifyVolume } from '../transfer/verify-volume.ts'
import type { DoneOf, MoveDeps, Run, SpecOf } from './deps.ts'
import { originOf } from './origin.ts'
import { cutText } from './result.ts'

const maxPathBytes = 200
const maxProblemBytes = 150

/** An error that says that the manifest itself is damaged: what, and how. */
const manifestProblem = (error: unknown): { path: string; problem: string } | undefined => {
  if (error instanceof ManifestError) return { path: 'the manifest', problem: `is damaged: ${error.message}` }
  if (!(error instanceof StoreError)) return undefined
  if (error.failure !== 'not-found' && error.failure !== 'corrupt') return undefined
  const what = error.failure === 'corrupt' ? 'is damaged' : 'is gone from the store'
  return { path: error.key ?? 'the manifest', problem: what }
}

async function* chosen(entries: AsyncIterable<Entry>, part: SpecOf<'Verify'>['part']): AsyncGenerator<Entry> {
  for await (const entry of entries) if (inPart(entry.p, part)) yield entry
}

const look = async (deps: MoveDeps, spec: SpecOf<'Verify'>, origin: Origin, root: Root, findings: Findings) => {
  const { progress, signal } = deps
  const { part } = spec
  const entries = readManifest(root, shardsOf(origin.store, origin.prefix, signal))
  if (part === undefined) progress.expect(root.files, root.bytes)
  if (spec.what === 'Volume') {
    const bytes = spec.depth === 'Full' ? { part } : undefined
    await verifyVolume(deps.data, entries, bytes, findings, progress, signal)
  } else if (spec.depth === 'Full') await verifyBytes(origin, chosen(entries, part), findings, progress, signal)
  else await verifyListing(origin, spec.source?.prefix ?? '', entries, findings, progress, signal)
}

const doneOf = ({ files, bytes, bad, first }: Findings): DoneOf<'Verify'> => ({
  op: 'Verify',
  outcome: bad === 0 ? 'Sound' : 'Bad',
  files,
  bytes,
  bad,
  ...(bad === 0
    ? {}
    : {
        names: first.map(({ path, problem }) => ({
          path: cutText(path, maxPathBytes),
          problem: cutText(problem, maxProblemBytes),
        })),
      }),
})

/**
 * Compares what is in the store, or on a volume, with a committed version's manifest. Damage is what it finds, not a failure; a store that can't be
 * reached, or credentials that are refused, are failures.
 */
export const verify: Run<'Verify'> = async (deps, spec) => {
  const { signal } = deps
  const findings = new Findings(deps.log)
  const origin = await originOf(deps, spec)
  try {
    const root = await fetchRoot(origin.store, origin.prefix, spec.version.root, signal)
    await look(deps, spec, origin, root, findings)
  } catch (error) {
    const problem = signal.aborted ? undefined : manifestProblem(error)
    if (problem === undefined) throw error
    findings.add(problem.path, problem.problem)
  }
  return doneOf(findings)
}
