/** Compares two resourceVersions of one kind: decimal numbers that may be longer than a double holds. Negative when `a` is older. */
export const compareVersions = (a: string, b: string): number => a.length - b.length || (a < b ? -1 : a > b ? 1 : 0)

export const newerOf = (a: string, b: string): string => (compareVersions(a, b) < 0 ? b : a)
