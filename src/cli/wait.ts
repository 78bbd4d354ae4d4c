import type { Kind, KubeObject } from '../api/meta.ts'
import type { Context } from './command.ts'
import { CommandError, exit, explain } from './exit.ts'
import { getIfThere } from './lookup.ts'

const pollMs = 500

/** Looks until there is a result. What is waited for is told to the person when it changes, and is the error when the time is over. */
export const poll = async <R>(
  context: Context,
  look: () => Promise<{ result: R } | { waiting: string }>,
): Promise<R> => {
  const deadline = context.now() + (context.wait ?? 0)
  let said = ''
  for (;;) {
    context.signal.throwIfAborted()
    const seen = await look().catch((error) => {
      // A server that is away for a moment is no reason to give up.
      const { code, message } = explain(error)
      if (code !== exit.unreachable) throw error
      return { waiting: message }
    })
    if ('result' in seen) return seen.result
    if (context.now() >= deadline) throw new CommandError(exit.timedOut, `timed out: ${seen.waiting}`)
    if (seen.waiting !== said) context.note(seen.waiting)
    said = seen.waiting
    await context.sleep(pollMs)
  }
}

/** Looks at one object until `done` says something else than undefined. An object that is not there is undefined to both functions. */
export const until = <T extends KubeObject, R>(
  context: Context,
  { kind, namespace, name }: { kind: Kind; namespace: string; name: string },
  done: (object: T | undefined) => R | undefined,
  waiting: (object: T | undefined) => string,
): Promise<R> =>
  poll(context, async () => {
    const object = await getIfThere<T>(context, kind, namespace, name)
    const result = done(object)
    return result === undefined ? { waiting: waiting(object) } : { result }
  })
