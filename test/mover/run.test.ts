import { expect, test } from 'vitest'
import type { MoveSpec } from '../../src/api/move.ts'
import { exitCodes, type MoveDone } from '../../src/api/move-result.ts'
import { createLog } from '../../src/lib/log.ts'
import { ManifestError } from '../../src/manifest/error.ts'
import type { MoveDeps } from '../../src/mover/deps.ts'
import { MoveFailure } from '../../src/mover/failure.ts'
import { runMove } from '../../src/mover/run.ts'
import { StoreError } from '../../src/stores/object-store.ts'
import { memoryStore } from '../helpers/memory-store.ts'

const spec: MoveSpec = {
  op: 'Probe',
  locations: [{ name: 's', prefix: '', credentials: 'Ambient', s3: { bucket: 'b' } }],
}
const done: MoveDone = { op: 'Probe', outcome: 'Done', locations: [] }

const run = async (
  operation: (deps: MoveDeps) => Promise<MoveDone>,
  text = JSON.stringify(spec),
  signal = new AbortController().signal,
) => {
  let output = ''
  const write = (line: string) => {
    output += line
  }
  const results: string[] = []
  const log = createLog('info', { write })
  const closed: string[] = []
  const openStore = async () => ({ ...memoryStore(), close: async () => void closed.push('closed') })
  const code = await runMove({
    spec: text,
    openStore,
    data: '/data',
    operation,
    write,
    writeResult: async (result) => void results.push(result),
    log,
    now: Date.now,
    signal,
  })
  expect(results).toHaveLength(1)
  return { code, result: JSON.parse(results[0]!), output, closed }
}

test('done: exit code 0, the result, and all stores closed', async () => {
  const end = await run(async ({ openStore }) => {
    await openStore(spec.locations[0]!)
    return done
  })
  expect(end).toMatchObject({ code: exitCodes.done, result: done, closed: ['closed'] })
})

const system = (code: string, path?: string) => Object.assign(new Error(`${code}: secret words`), { code, path })
test.each<[string, Error, number, string]>([
  ['a failure', new MoveFailure('SourceDrifted', 'x changed', ['x']), exitCodes.drifted, 'SourceDrifted'],
  ['no answer', new StoreError('unreachable', 'no answer'), exitCodes.transient, 'Unreachable'],
  ['refused credentials', new StoreError('credentials', 'wrong keys'), exitCodes.credentials, 'CredentialsDenied'],
  ['no credentials', new StoreError('no-credentials', 'no keys'), exitCodes.credentials, 'CredentialsMissing'],
  ['not allowed', new StoreError('denied', 'may not list'), exitCodes.credentials, 'CredentialsDenied'],
  ['damage', new StoreError('corrupt', 'differs', 'k'), exitCodes.corrupt, 'Corrupt'],
  ['no bucket', new StoreError('no-bucket', 'no bucket'), exitCodes.invalid, 'SourceNotFound'],
  ['a broken manifest', new ManifestError('a path is there twice', 'p'), exitCodes.corrupt, 'Corrupt'],
  ['a full disk', system('ENOSPC'), exitCodes.noSpace, 'InsufficientSpace'],
  ['a full store', new StoreError('full', 'the store is full'), exitCodes.noSpace, 'StoreFull'],
  ['a file of somebody else', system('EACCES', '/data/x'), exitCodes.unreadable, 'UnreadableFiles'],
  ['a failing disk', system('EIO', '/data/x'), exitCodes.transient, 'Unreachable'],
  ['anything else', new TypeError('secret words'), exitCodes.transient, 'Unreachable'],
])('%s: its exit code and reason, and one sentence', async (_, error, code, reason) => {
  const end = await run(async () => {
    throw error
  })
  expect(end).toMatchObject({ code, result: { op: 'Probe', outcome: 'Failed', reason, message: expect.any(String) } })
  expect(end.output + end.result.message).not.toContain('secret words')
})

test('told to stop: transient, whatever the operation threw', async () => {
  const stop = new AbortController()
  const operation = async () => {
    stop.abort(new Error('SIGTERM'))
    throw new MoveFailure('Corrupt', 'half a file')
  }
  const end = await run(operation, undefined, stop.signal)
  expect(end).toMatchObject({ code: exitCodes.transient, result: { message: expect.stringContaining('told to stop') } })
})

test.each([
  ['no JSON', '{', 'no JSON'],
  ['an operation that is not known', '{"op":"Juggle"}', 'as new as the operator'],
  ['fields that are missing', '{"op":"Populate"}', 'not valid'],
])('a spec that is %s', async (_, text, message) => {
  const end = await run(async () => done, text)
  expect(end).toMatchObject({
    code: exitCodes.invalid,
    result: { reason: 'InvalidSpec', message: expect.stringContaining(message) },
  })
})
