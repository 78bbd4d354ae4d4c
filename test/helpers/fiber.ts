import type { ListedObject, ObjectStore } from '../../src/stores/object-store.ts'

/** What a process dies of in a model. */
export class Killed extends Error {}

interface Waiting {
  go: () => void
  die: (error: Error) => void
  over: Promise<unknown>
}

/** A process over a store whose calls take place one by one, when somebody says so: it can be stopped, overtaken and killed anywhere. */
export class Fiber {
  ended: 'done' | 'failed' | undefined
  error: unknown
  result: unknown
  #waiting: Waiting[] = []
  #killed = false
  #wake = () => {}

  constructor(store: ObjectStore, work: (store: ObjectStore) => Promise<unknown>) {
    work(this.#gated(store)).then(
      (result) => {
        this.result = result
        this.#end('done')
      },
      (error) => {
        this.error = error
        this.#end('failed')
      },
    )
  }

  #end(how: 'done' | 'failed') {
    this.ended = how
    this.#wake()
  }

  /** Lets the next call take place, and waits for its answer. */
  async step(): Promise<void> {
    await this.#arrived()
    const next = this.#waiting.shift()
    if (next === undefined) return
    next.go()
    await next.over
  }

  async finish(): Promise<void> {
    while (this.ended === undefined) await this.step()
  }

  /** Dies before its next call; with `after`, that call still takes place and nobody hears of it. */
  async kill(after: boolean): Promise<void> {
    if (after) await this.step()
    this.#killed = true
    for (const { die } of this.#waiting.splice(0)) die(new Killed('killed'))
    while (this.ended === undefined) {
      await this.#arrived()
      for (const { die } of this.#waiting.splice(0)) die(new Killed('killed'))
    }
  }

  async #arrived(): Promise<void> {
    while (this.#waiting.length === 0 && this.ended === undefined)
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
  }

  async #call<T>(work: () => Promise<T>): Promise<T> {
    if (this.#killed) throw new Killed('killed')
    let over = () => {}
    const done = new Promise<void>((resolve) => {
      over = resolve
    })
    await new Promise<void>((go, die) => {
      this.#waiting.push({ go, die, over: done })
      this.#wake()
    }).catch((error) => {
      over()
      throw error
    })
    try {
      return await work()
    } finally {
      over()
    }
  }

  #gated(store: ObjectStore): ObjectStore {
    const call = <T>(work: () => Promise<T>) => this.#call(work)
    const list = async function* (...args: Parameters<ObjectStore['list']>): AsyncGenerator<ListedObject> {
      const found: ListedObject[] = []
      await call(async () => {
        for await (const object of store.list(...args)) found.push(object)
      })
      yield* found
    }
    return {
      ...store,
      list,
      head: (...args) => call(() => store.head(...args)),
      get: (...args) => call(() => store.get(...args)),
      put: (...args) => call(() => store.put(...args)),
      upload: (...args) => call(() => store.upload(...args)),
      uploadFile: (...args) => call(() => store.uploadFile(...args)),
      download: (...args) => call(() => store.download(...args)),
      remove: (...args) => call(() => store.remove(...args)),
      abortUploads: (...args) => call(() => store.abortUploads(...args)),
    }
  }
}
