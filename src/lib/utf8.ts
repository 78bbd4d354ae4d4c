// UTF-16 puts surrogates (code points from 0x10000) below 0xE000–0xFFFF; UTF-8 puts them above. Shifting both makes code units sort like bytes.
const rank = (unit: number) => (unit >= 0xe000 ? unit - 0x800 : unit >= 0xd800 ? unit + 0x2000 : unit)

/** The order of the UTF-8 bytes of two well-formed strings: negative, zero or positive. JavaScript's `<` differs from it beyond U+FFFF. */
export const compareUtf8 = (a: string, b: string): number => {
  const shorter = Math.min(a.length, b.length)
  for (let i = 0; i < shorter; i++) {
    const x = a.charCodeAt(i)
    const y = b.charCodeAt(i)
    if (x !== y) return rank(x) - rank(y)
  }
  return a.length - b.length
}
