import type { ObjectInfo, ObjectStore } from '../stores/object-store.ts'

const writes: readonly (string | symbol)[] = ['put', 'upload', 'uploadFile']

/** The same store; `note` is told what the store answered to every write. */
export const notingStore = (store: ObjectStore, note: (key: string, info: ObjectInfo) => void): ObjectStore =>
  new Proxy(store, {
    get: (target, name) => {
      const member: unknown = Reflect.get(target, name, target)
      if (typeof member !== 'function') return member
      if (!writes.includes(name)) return member.bind(target) as unknown
      return async (key: string, ...rest: unknown[]) => {
        const info = (await member.call(target, key, ...rest)) as ObjectInfo
        note(key, info)
        return info
      }
    },
  })
