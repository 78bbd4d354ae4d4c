import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { exitCodeOf } from '../api/move-result.ts'
import { type CopyConfig, copyConfig } from '../copy-config.ts'
import { MoveFailure } from '../mover/failure.ts'
import { makeRedactor } from '../mover/secrets.ts'
import { openStore } from '../stores/open.ts'
import type { Address } from '../transfer/address.ts'
import { BigUploads } from '../transfer/sync/big-uploads.ts'
import { type Destination, isStore, type Source } from '../transfer/sync/ends.ts'
import { LocalTarget } from '../transfer/sync/local-target.ts'
import { bootId, takeLock } from '../transfer/sync/lock.ts'
import { realPath, recordDir } from '../transfer/sync/paths.ts'
import { SyncRecord } from '../transfer/sync/record.ts'
import { type Synced, sync } from '../transfer/sync/run.ts'
import { TreeWriter } from '../transfer/sync/tree-file.ts'
import { copyFailure } from './copy-failure.ts'
import { humanSize, showProgress } from './copy-progress.ts'
import { type CopyArgs, copyUsage, parseCopyArgs } from './cp-args.ts'

/** Names a place the same way whenever it is the same place. */
const nameOf = (address: Address, config: CopyConfig): string => {
  if (address.kind === 'dir') return realPath(address.path)
  const endpoint = address.kind === 's3' ? config.s3.endpoint : config.gcs.endpoint
  return `${address.kind}://${address.bucket}/${address.prefix} ${endpoint ?? ''}`
}

const openBucket = async (address: Exclude<Address, { kind: 'dir' }>, config: CopyConfig) => {
  const { bucket, kind } = address
  const deps = { credentialsDir: '', caDir: '', caFile: config.s3.caFile, accessKeys: config.accessKeys }
  const s3 = { bucket, endpoint: config.s3.endpoint, region: config.s3.region }
  const place = kind === 's3' ? { s3 } : { gcs: { bucket, ...config.gcs } }
  // An emulator looks at no credentials, and there may be none.
  const credentials = kind === 'gs' && config.gcs.endpoint !== undefined ? 'Anonymous' : 'Ambient'
  return { store: await openStore(deps, { name: kind, credentials, ...place }), prefix: address.prefix }
}

const openSource = async (address: Address, config: CopyConfig): Promise<Source> => {
  if (address.kind !== 'dir') return openBucket(address, config)
  const stats = statSync(address.path, { throwIfNoEntry: false })
  if (stats?.isDirectory()) return { root: realPath(address.path) }
  const what = stats === undefined ? 'is not there' : 'is no directory'
  throw new MoveFailure('SourceNotFound', `${address.path} ${what}: name the directory whose files are to be copied`)
}

const openDestination = async (address: Address, config: CopyConfig): Promise<Destination> => {
  if (address.kind !== 'dir') return openBucket(address, config)
  const target = new LocalTarget(realPath(address.path))
  await target.open()
  return { target }
}

const inside = (inner: string, outer: string) => inner === outer || inner.startsWith(outer.replace(/\/?$/, '/'))

const checkApart = (source: string, destination: string): void => {
  if (inside(source, destination) || inside(destination, source))
    throw new MoveFailure('InvalidSpec', `${source} and ${destination} lie in each other: choose places that don't`)
}

/** Where the record lies, and what gives it back. Where it can't be kept, it lives as long as this process. */
const recordPlace = (dir: string, what: string, warn: (text: string) => void) => {
  try {
    const record = SyncRecord.makeDirectory(dir)
    return { dir: record, release: takeLock(join(dir, 'lock'), what) }
  } catch (error) {
    if (error instanceof MoveFailure) throw error
    warn(
      `nothing can be written down in ${dir} (${(error as NodeJS.ErrnoException).code}): the next run compares all files anew`,
    )
    const temporary = mkdtempSync(join(tmpdir(), 'granary-cp-'))
    return { dir: temporary, release: () => rmSync(temporary, { recursive: true, force: true }) }
  }
}

/** What the command is given, and where its words go. */
export interface CopyDeps {
  config: CopyConfig
  cwd: string
  out(text: string): unknown
  err: { write(text: string): unknown; isTTY?: boolean }
}

const copy = async (deps: CopyDeps, args: CopyArgs, signal: AbortSignal): Promise<Synced> => {
  const { config, err } = deps
  const [source, destination] = [nameOf(args.source, config), nameOf(args.destination, config)]
  checkApart(source, destination)
  const warn = (text: string) => void err.write(`granary cp: ${text}\n`)
  const from = await openSource(args.source, config)
  const to = await openDestination(args.destination, config)
  const { dir, release } = recordPlace(
    recordDir(config.stateDir, source, destination, [args.include, args.exclude]),
    destination,
    warn,
  )
  const onDisk = async () => {
    // Small files are not synced one by one: all of them at once, before anybody relies on them.
    if (!isStore(to)) await promisify(execFile)('sync', ['-f', to.target.root])
  }
  const progress = showProgress(err, () => Date.now())
  let finished = false
  try {
    const record = new SyncRecord(dir, bootId(), onDisk)
    await record.open()
    const { include, exclude, prune } = args
    const uploads = new BigUploads(join(dir, 'uploads'))
    const tree = new TreeWriter(join(dir, 'tree'))
    const done = await sync({ from, to, record, uploads, tree, include, exclude, prune }, progress, signal)
    finished = true
    return done
  } finally {
    progress.stop()
    release()
    if (isStore(from)) await from.store.close()
    await (isStore(to) ? to.store.close() : to.target.close(finished))
  }
}

const summary = (done: Synced, seconds: number): string => {
  const parts = [
    `${done.files} files, ${humanSize(done.bytes)}`,
    `${done.moved} copied (${humanSize(done.movedBytes)})`,
    `${done.unchanged} unchanged`,
    ...(done.removed > 0 ? [`${done.removed} removed`] : []),
    ...(done.extra > 0 ? [`${done.extra} more at the destination`] : []),
    ...(done.skipped > 0 ? [`${done.skipped} skipped`] : []),
  ]
  return `${parts.join(', ')}; ${seconds.toFixed(1)} s; sha256:${done.digest}\n`
}

/** `granary cp SOURCE DESTINATION`: the engine without a cluster. Returns the exit code. */
export const runCopy = async (deps: CopyDeps, argv: string[], signal: AbortSignal): Promise<number> => {
  const args = parseCopyArgs(argv, deps.cwd)
  if (args === undefined) {
    deps.out(`${copyUsage}\n`)
    return 0
  }
  const redact = makeRedactor(deps.config.secrets)
  const say = (text: string) => void deps.err.write(redact(`granary cp: ${text}\n`))
  const answer = (result: object) => void deps.out(redact(`${JSON.stringify(result)}\n`))
  const start = performance.now()
  try {
    const done = await copy(deps, args, signal)
    const seconds = (performance.now() - start) / 1000
    done.warnings.forEach(say)
    if (args.json) answer({ ...done, seconds: Number(seconds.toFixed(3)) })
    else deps.out(redact(summary(done, seconds)))
    return 0
  } catch (error) {
    const failure = signal.aborted
      ? new MoveFailure('Unreachable', 'stopped before all was copied: run it again, it goes on where it was')
      : copyFailure(error)
    const { reason, message, names } = failure
    say(message)
    if (args.json) answer({ reason, message, names })
    return exitCodeOf[reason]
  }
}

/** The result is on stdout, everything else on stderr. */
export const cp = (argv: string[], signal: AbortSignal): Promise<number> => {
  const out = (text: string) => process.stdout.write(text)
  return runCopy({ config: copyConfig(), cwd: process.cwd(), out, err: process.stderr }, argv, signal)
}
