/** With one alone, threads would wait between two requests, and a second thread had nothing of a single file. */
const least = 2
const most = 8
/** A thread that is at work for more of its time than this gains nothing by another connection, but has to read back what comes out of order. */
const full = 0.9
const idle = 0.7

/** How many pieces of an object come at once: as few as keep the threads at work, found by trying. */
export class Pieces {
  #atOnce = least

  get atOnce(): number {
    return this.#atOnce
  }

  /** A piece has come; its thread was at work for so much of the time (0 to 1). */
  note(busy: number): void {
    if (busy < idle) this.#atOnce = Math.min(most, this.#atOnce + 1)
    else if (busy > full) this.#atOnce = Math.max(least, this.#atOnce - 1)
  }
}
