import { StoreError, type Transferred } from './object-store.ts'

/** Damaged bytes are worth another look: mostly it was the way and not the disk. */
const tries = 3

/** Runs a download, and again if its bytes came damaged. What a try that failed had told `onBytes` is taken back with a negative count. */
export const untilIntact = async (
  onBytes: ((count: number) => void) | undefined,
  download: (arrived: (count: number) => void) => Promise<Transferred>,
): Promise<Transferred> => {
  for (let attempt = 1; ; attempt++) {
    let seen = 0
    const arrived = (count: number) => {
      seen += count
      onBytes?.(count)
    }
    try {
      return await download(arrived)
    } catch (error) {
      if (seen > 0) onBytes?.(-seen)
      const damaged = error instanceof StoreError && error.failure === 'corrupt'
      if (!damaged || attempt === tries) throw error
    }
  }
}
