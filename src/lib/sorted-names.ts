import { opendir } from 'node:fs/promises'

/** Names that are held at a time at most are twice as many: some 20 MiB. */
const most = 100_000

/**
 * The names in a directory in the order of their bytes, one character per byte (latin1), in batches. A directory of more than `limit` names is read several
 * times, each time for the next ones, so that no more than twice as many are held, however many there are. `keep` chooses names beforehand.
 */
export async function* sortedNames(
  directory: string,
  keep: (name: string) => boolean = () => true,
  limit = most,
): AsyncGenerator<string[]> {
  for (let after: string | undefined; ; ) {
    let names: string[] = []
    let left = false
    for await (const { name } of await opendir(directory, { encoding: 'latin1', bufferSize: 1024 })) {
      if ((after !== undefined && name <= after) || !keep(name)) continue
      names.push(name)
      if (names.length < 2 * limit) continue
      names = names.sort().slice(0, limit)
      left = true
    }
    names.sort()
    if (left) names.length = Math.min(names.length, limit)
    yield names
    if (!left) return
    after = names.at(-1)
  }
}
