const second = 1000
const units: Record<string, number> = { h: 3600 * second, m: 60 * second, s: second }

/** Milliseconds of `1h30m`, `10m`, `90s`; undefined if it is not a duration. */
export const parseDuration = (text: string): number | undefined => {
  const match = /^(?:([0-9]{1,7})h)?(?:([0-9]{1,7})m)?(?:([0-9]{1,7})s)?$/.exec(text)
  if (!match || text === '') return undefined
  return ['h', 'm', 's'].reduce((sum, unit, i) => sum + Number(match[i + 1] ?? 0) * (units[unit] ?? 0), 0)
}

/** The duration for people, whole seconds: `1h30m0s` is written `1h30m`. */
export const formatDuration = (milliseconds: number): string => {
  let rest = Math.max(0, Math.round(milliseconds / second)) * second
  let out = ''
  for (const [unit, size] of Object.entries(units)) {
    const n = Math.floor(rest / size)
    rest -= n * size
    if (n > 0) out += `${n}${unit}`
  }
  return out === '' ? '0s' : out
}
