import { expect, test } from 'vitest'
import { type MoveResult, maxResultBytes } from '../../src/api/move-result.ts'
import { MoveFailure } from '../../src/mover/failure.ts'
import { cutText, failedResult, resultText } from '../../src/mover/result.ts'

test('a text is cut between characters', () => {
  expect(cutText('short', 5)).toBe('short')
  expect(cutText('longer', 5)).toBe('lo…')
  expect(cutText('😀😀😀', 9)).toBe('😀…')
  for (let bytes = 3; bytes < 20; bytes++)
    expect(Buffer.byteLength(cutText('aé日😀aé日😀', bytes))).toBeLessThanOrEqual(bytes)
})

test('of many names the first five are told, each cut', () => {
  const names = Array.from({ length: 9 }, (_, i) => `${i}${'é'.repeat(300)}`)
  const result = failedResult('Finalize', new MoveFailure('InvalidKeys', 'bad', names))
  expect(result.names).toHaveLength(5)
  for (const name of result.names!) expect(Buffer.byteLength(name)).toBeLessThanOrEqual(200)
  expect(failedResult('Unknown', new MoveFailure('InvalidSpec', 'bad'))).toEqual({
    op: 'Unknown',
    outcome: 'Failed',
    reason: 'InvalidSpec',
    message: 'bad',
  })
})

const version = { sequence: 1, digest: 'd'.repeat(64), root: 'e'.repeat(64), files: 1, bytes: 1 }
test.each<[string, MoveResult]>([
  ['a long message', failedResult('Import', new MoveFailure('InvalidKeys', 'x'.repeat(9000)))],
  [
    'a message of escapes',
    failedResult('Import', new MoveFailure('InvalidKeys', '\u0001"'.repeat(5000), ['\u0002'.repeat(200)])),
  ],
  [
    'a look that finds keys of escapes',
    { op: 'Scan', outcome: 'Done', items: [{ reason: 'InvalidKeys', message: JSON.stringify('\u0001'.repeat(2000)) }] },
  ],
  [
    'many warnings',
    { op: 'Finalize', outcome: 'Committed', ...version, uploaded: 1, warnings: Array(50).fill('"'.repeat(900)) },
  ],
])('%s: the result fits a termination message and is JSON', (_, result) => {
  const text = resultText(result)
  expect(Buffer.byteLength(text)).toBeLessThanOrEqual(maxResultBytes)
  const kept = JSON.parse(text)
  expect(kept).toMatchObject({ op: result.op, outcome: result.outcome })
  if ('items' in result) expect(kept.items[0].message.length).toBeGreaterThan(150)
  if ('message' in result) expect(kept.message.length).toBeGreaterThan(150)
  if ('warnings' in result) expect(kept.warnings.length).toBeGreaterThan(0)
})

test('a result that fits is left as it is', () => {
  const result: MoveResult = { op: 'Populate', outcome: 'Done', files: 3, bytes: 4 }
  expect(JSON.parse(resultText(result))).toEqual(result)
})
