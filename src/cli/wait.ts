import type { Kind, KubeObject } from '../api/meta.ts'
import { isApiError } from '../kube/api-error.ts'
import type { Context } from './command.ts'
import { CommandError, exit } from './exit.ts'

const pollMs = 500

/**
 * Looks at an object until `done` says something else than undefined, and returns that. `waiting` says what is waited for now, and is told to the
 * person when it changes. An object that goes is `undefined` there.
 */
export const until = async <T extends KubeObject, R>(
  context: Context,
  ref: { kind: Kind; namespace: string; name: string },
  done: (object: T | undefined) => R | undefined,
  waiting: (object: T | undefined) => string,
): Promise<R> => {
  const deadline = context.now() + (context.wait ?? 0)
  let said = ''
  for (;;) {
    context.signal.throwIfAborted()
    const object = await context.client.get<T>(ref, { signal: context.signal }).catch((error) => {
      if (isApiError(error, (e) => e.isNotFound)) return undefined
      throw error
    })
    const result = done(object)
    if (result !== undefined) return result
    const why = waiting(object)
    if (context.now() >= deadline) throw new CommandError(exit.timedOut, `timed out: ${why}`)
    if (why !== said) context.note(why)
    said = why
    await context.sleep(pollMs)
  }
}
