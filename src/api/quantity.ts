const suffixes: Record<string, number> = {
  m: 1e-3,
  '': 1,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
  P: 1e15,
  E: 1e18,
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
  Ti: 2 ** 40,
  Pi: 2 ** 50,
  Ei: 2 ** 60,
}

/**
 * The number that a Kubernetes quantity means, rounded up to a whole one (bytes, for volumes); undefined if it is not a quantity.
 * Takes what the API server takes: `20Gi`, `1.5G`, `500m`, `1e9`, and a bare number.
 */
export const parseQuantity = (quantity: string | number): number | undefined => {
  if (typeof quantity === 'number') return Number.isFinite(quantity) ? Math.ceil(quantity) : undefined
  const match = /^([+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+))(m|k|M|G|T|P|E|Ki|Mi|Gi|Ti|Pi|Ei|[eE][+-]?[0-9]{1,3})?$/.exec(
    quantity,
  )
  if (!match) return undefined
  const [, digits = '', suffix = ''] = match
  const exponent = /^[eE][+-]?[0-9]/.test(suffix)
  const value = exponent ? Number(digits + suffix) : Number(digits) * (suffixes[suffix] ?? 1)
  // 0.3 * 1000 is a little more than 300: that is not a byte more
  const whole = Math.round(value)
  return Math.abs(value - whole) <= whole * 1e-12 ? whole : Math.ceil(value)
}

/** Bytes as a quantity of a whole number of Mi (rounded up), or Gi where that is exact: `20Gi`, `1537Mi`. At least 1Mi. */
export const formatQuantity = (bytes: number): string => {
  const mebi = Math.max(1, Math.ceil(bytes / 2 ** 20))
  return mebi % 1024 === 0 ? `${mebi / 1024}Gi` : `${mebi}Mi`
}

/** Bytes for people: `11.4 MiB`. */
export const formatBytes = (bytes: number): string => {
  const names = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB']
  let value = bytes
  let i = 0
  while (value >= 1024 && i < names.length - 1) {
    value /= 1024
    i++
  }
  return `${i === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${names[i]}`
}
