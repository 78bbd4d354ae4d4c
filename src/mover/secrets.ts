import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'

/** Shorter values are words rather than secrets: cutting them out would make sentences unreadable. */
const shortest = 8

const valuesBelow = async (dir: string): Promise<string[]> => {
  const entries = await readdir(dir, { withFileTypes: true }).catch(() => [])
  const values = await Promise.all(
    entries.map(async (entry) => {
      const path = join(dir, entry.name)
      // Secret volumes hold links to files and to a directory of the current generation.
      if (entry.isDirectory()) return await valuesBelow(path)
      return [await readFile(path, 'utf8').catch(() => '')]
    }),
  )
  return values.flat()
}

/** Cuts secrets out of a text, in the spellings that a message might have them in. */
export const makeRedactor = (values: readonly string[]): ((text: string) => string) => {
  const secrets = [...new Set(values.map((value) => value.trim()))]
    .filter((value) => value.length >= shortest)
    .flatMap((value) => [value, encodeURIComponent(value), JSON.stringify(value).slice(1, -1)])
    .sort((a, b) => b.length - a.length)
  return (text) => secrets.reduce((rest, secret) => rest.replaceAll(secret, '[redacted]'), text)
}

const secretName = /key|secret|token|password/i

/** What a file of JSON holds under names of secrets, as a library has it once it was parsed: a private key has its line breaks then. */
const valuesInside = (text: string): string[] => {
  try {
    const parsed: unknown = JSON.parse(text)
    if (typeof parsed !== 'object' || parsed === null) return []
    return Object.entries(parsed).flatMap(([name, value]) =>
      secretName.test(name) && typeof value === 'string' ? [value, ...value.split('\n')] : [],
    )
  } catch {
    return []
  }
}

/**
 * Cuts every mounted credential out of a text: the last guard before a log or a result, should a library quote what it was given.
 * `extra` are secrets from elsewhere.
 */
export const readRedactor = async (
  credentialsDir: string,
  extra: readonly string[],
): Promise<(text: string) => string> => {
  const values = (await valuesBelow(credentialsDir)).flatMap((value) => [
    value,
    ...value.split('\n'),
    ...valuesInside(value),
  ])
  return makeRedactor([...values, ...extra])
}
