import { getEventListeners } from 'node:events'
import { expect, test } from 'vitest'
import { AbortListeners } from '../../src/lib/abort-listeners.ts'

test('what is to be done is done once, unless it was taken back', () => {
  const listeners = new AbortListeners()
  const [one, other] = [new AbortController(), new AbortController()]
  const done: string[] = []
  const say = (word: string) => () => {
    done.push(word)
  }
  const [a, b, c] = [say('a'), say('b'), say('c')]
  listeners.add(one.signal, a)
  listeners.add(one.signal, b)
  listeners.add(other.signal, c)
  listeners.remove(one.signal, a)
  one.abort()
  expect(done).toEqual(['b'])
  other.abort()
  expect(done).toEqual(['b', 'c'])
})

test('a listener that takes others back while the signal fires', () => {
  const listeners = new AbortListeners()
  const stop = new AbortController()
  let calls = 0
  const one = () => {
    calls++
    listeners.remove(stop.signal, one)
  }
  const two = () => {
    calls++
    listeners.remove(stop.signal, two)
  }
  listeners.add(stop.signal, one)
  listeners.add(stop.signal, two)
  stop.abort()
  expect(calls).toBe(2)
})

test('a signal that nobody waits for is left without a listener', () => {
  const listeners = new AbortListeners()
  const { signal } = new AbortController()
  const [a, b] = [() => {}, () => {}]
  for (const each of [a, b]) listeners.add(signal, each)
  expect(getEventListeners(signal, 'abort')).toHaveLength(1)
  for (const each of [a, b]) listeners.remove(signal, each)
  expect(getEventListeners(signal, 'abort')).toHaveLength(0)
})
