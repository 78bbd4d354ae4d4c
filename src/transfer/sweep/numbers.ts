import type { ObjectStore } from '../../stores/object-store.ts'

const numberIn = (rest: string, ending: string): number | undefined => {
  const match = /^v([1-9]\d{0,9})(.*)$/.exec(rest)
  return match?.[2] === ending ? Number(match[1]) : undefined
}

/** N of every `<prefix>v<N>.json`, ascending. */
export const numbersIn = async (store: ObjectStore, prefix: string, signal: AbortSignal): Promise<number[]> => {
  const found: number[] = []
  for await (const { key } of store.list(prefix, { signal })) {
    const n = numberIn(key.slice(prefix.length), '.json')
    if (n !== undefined) found.push(n)
  }
  return found.sort((a, b) => a - b)
}

/** N of every directory `<prefix>v<N>/` that holds anything, ascending: one request each, however much is in it. */
export const directoriesIn = async (store: ObjectStore, prefix: string, signal: AbortSignal): Promise<number[]> => {
  const found: number[] = []
  let startAfter: string | undefined
  for (;;) {
    const first = await firstKey(store, prefix, startAfter, signal)
    if (first === undefined) return found.sort((a, b) => a - b)
    const directory = first.slice(prefix.length).split('/', 1)[0] ?? ''
    const n = numberIn(directory, '')
    if (n !== undefined) found.push(n)
    // `0` is the byte behind `/`: all of the directory sorts before it, and everything else behind it comes later.
    const behind = `${prefix}${directory}0`
    startAfter = behind > first ? behind : first
  }
}

const firstKey = async (store: ObjectStore, prefix: string, startAfter: string | undefined, signal: AbortSignal) => {
  const options = startAfter === undefined ? { signal } : { startAfter, signal }
  for await (const { key } of store.list(prefix, options)) return key
  return undefined
}
