import { isDeepStrictEqual } from 'node:util'
import { ApiError } from '../../../src/kube/api-error.ts'
import type { JsonPatchOp } from '../../../src/kube/types.ts'

/** RFC 6902 as the API server does it, for add, remove, replace, test. Changes `target`; a misfit is the server's 422. */
export const patchJson = (target: unknown, ops: JsonPatchOp[]): void => {
  for (const op of ops) patchOne(target, op)
}

const patchOne = (target: unknown, op: JsonPatchOp) => {
  const segments = op.path.split('/').slice(1).map(decode)
  const last = segments.pop()
  if (last === undefined) throw misfit(`${op.op} operation does not apply: no path`)
  let parent = target as Container
  for (const segment of segments) {
    parent = (parent as Record<string, Container>)[segment] as Container
    if (typeof parent !== 'object' || parent === null)
      throw misfit(`${op.op} operation does not apply: doc is missing path: ${op.path}: missing value`)
  }
  if (Array.isArray(parent)) patchArray(parent, last, op)
  else patchObject(parent, last, op)
}

type Container = Record<string, unknown> | unknown[]

const patchObject = (parent: Record<string, unknown>, key: string, op: JsonPatchOp) => {
  if (op.op === 'test') return expectEqual(parent[key], op)
  if (op.op === 'add') {
    parent[key] = structuredClone(op.value)
    return
  }
  if (!(key in parent)) throw misfit(`${op.op} operation does not apply: doc is missing key: ${op.path}: missing value`)
  if (op.op === 'remove') delete parent[key]
  else parent[key] = structuredClone(op.value)
}

const patchArray = (parent: unknown[], key: string, op: JsonPatchOp) => {
  const index = key === '-' ? parent.length : Number(key)
  if (op.op === 'test') return expectEqual(parent[index], op)
  const limit = op.op === 'add' ? parent.length : parent.length - 1
  if (!Number.isInteger(index) || index < 0 || index > limit) throw misfit(`Unable to access invalid index: ${key}`)
  if (op.op === 'add') parent.splice(index, 0, structuredClone(op.value))
  else if (op.op === 'remove') parent.splice(index, 1)
  else parent[index] = structuredClone(op.value)
}

const expectEqual = (found: unknown, op: JsonPatchOp) => {
  // A test for null holds where nothing is.
  if (!isDeepStrictEqual(found ?? null, op.value ?? null)) throw misfit(`testing value ${op.path} failed: test failed`)
}

const decode = (segment: string) => segment.replaceAll('~1', '/').replaceAll('~0', '~')

/** The server does not say what did not fit; whoever debugs a test finds it in `cause`. */
const misfit = (what: string) => {
  const message = 'the server rejected our request due to an error in our request'
  return Object.assign(new ApiError(422, { code: 422, reason: 'Invalid', message, details: {} }), { cause: what })
}
