import { setTimeout as sleep } from 'node:timers/promises'

/**
 * Polls until `probe` returns true; a probe that throws ends the wait with its error.
 * Rejects after `seconds` with what was waited for.
 */
export const waitFor = async (what: string, probe: () => Promise<boolean>, seconds: number): Promise<void> => {
  const deadline = Date.now() + seconds * 1000
  while (!(await probe())) {
    if (Date.now() > deadline) throw new Error(`waited ${seconds} s for ${what}`)
    await sleep(50)
  }
}
