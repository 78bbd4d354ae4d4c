import { homedir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The repository's root: one tree, whatever the working directory of the caller is. */
export const repository = dirname(dirname(dirname(fileURLToPath(import.meta.url))))

/** Everything the cluster keeps between runs. `GRANARY_CACHE` moves it. */
export const cacheDir = process.env.GRANARY_CACHE ?? join(homedir(), '.cache', 'granary')

/** Built programs, by name, each with a stamp of the pins it was built from. */
export const binDir = join(cacheDir, 'bin')
