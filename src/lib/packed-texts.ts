/**
 * Texts by path as one text: a line of JSON that says how long each is, then one behind the other as they are. Quotation marks and line ends take one character
 * so, where JSON takes two.
 */
export const packTexts = (texts: Readonly<Record<string, string>>): string => {
  const lengths = Object.entries(texts).map(([path, text]) => [path, text.length])
  return `${JSON.stringify(lengths)}\n${Object.values(texts).join('')}`
}

/** What `packTexts` made; undefined if it is something else. */
export const unpackTexts = (packed: string): Map<string, string> | undefined => {
  const head = packed.indexOf('\n')
  if (head < 0 || !packed.startsWith('[[')) return packed === '[]\n' ? new Map() : undefined
  const texts = new Map<string, string>()
  let at = head + 1
  for (const [path, length] of JSON.parse(packed.slice(0, head)) as [string, number][]) {
    texts.set(path, packed.slice(at, at + length))
    at += length
  }
  return at === packed.length ? texts : undefined
}
