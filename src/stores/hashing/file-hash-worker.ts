import { hash } from 'node:crypto'
import { readSync } from 'node:fs'
import { parentPort } from 'node:worker_threads'
import type { FromHasher, ReadBytes, ToHasher } from './file-hashes.ts'
import { type Algorithm, type Sum, Summer, type Sums } from './sums.ts'

/** Runs in a thread of its own: reads files back and sums them up as far as they are known to be written. */
const buffer = Buffer.allocUnsafeSlow(512 * 1024)
const summer = new Summer()
const files = new Map<number, { fd: number; at: number; sums: Map<Algorithm, Sum> }>()

const readOn = (id: number, to: number): void => {
  const file = files.get(id)!
  while (file.at < to) {
    const count = readSync(file.fd, buffer, 0, Math.min(buffer.length, to - file.at), file.at)
    if (count === 0) throw new Error('the file is shorter than what was written to it')
    const piece = buffer.subarray(0, count)
    for (const sum of file.sums.values()) sum.update(piece)
    file.at += count
  }
}

const readInto = (id: number, offset: number, memory: ArrayBuffer): ReadBytes => {
  const file = files.get(id)!
  if (offset !== file.at) throw new Error('a file is read out of order')
  const bytes = Buffer.from(memory)
  let count = 0
  while (count < bytes.length) {
    const more = readSync(file.fd, bytes, count, bytes.length - count, offset + count)
    if (more === 0) break
    count += more
  }
  const filled = bytes.subarray(0, count)
  for (const sum of file.sums.values()) sum.update(filled)
  file.at += count
  return { buffer: memory, count, sha256: hash('sha256', filled, 'hex') }
}

const finish = (id: number): Sums => {
  const sums: Sums = {}
  for (const [algorithm, sum] of files.get(id)!.sums) sums[algorithm] = sum.hex()
  files.delete(id)
  return sums
}

const handle = (message: ToHasher): FromHasher | undefined => {
  const { id } = message
  switch (message.do) {
    case 'open': {
      const sums = new Map(message.algorithms.map((algorithm) => [algorithm, summer.start(algorithm)]))
      files.set(id, { fd: message.fd, at: 0, sums })
      return undefined
    }
    case 'advance':
      if (files.has(id)) readOn(id, message.to)
      return undefined
    case 'read':
      return { id, read: readInto(id, message.offset, message.buffer) }
    case 'finish':
      readOn(id, message.to)
      return { id, sums: finish(id) }
    case 'abandon':
      files.delete(id)
      return { id }
  }
}

parentPort!.on('message', (message: ToHasher) => {
  try {
    const answer = handle(message)
    if (answer) parentPort!.postMessage(answer, answer.read ? [answer.read.buffer] : [])
  } catch (error) {
    files.delete(message.id)
    parentPort!.postMessage({ id: message.id, error: error as Error } satisfies FromHasher)
  }
})
