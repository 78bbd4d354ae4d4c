/** Flags or environment that can't be used; the message is one sentence for the person who wrote them. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError'
}
