/** A number from 0 to below 1 that is always the same for this text: so that what many would do at the same moment is spread without chance. */
export const spread = (text: string): number => {
  let hash = 0x811c9dc5
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193)
  return (hash >>> 0) / 2 ** 32
}
