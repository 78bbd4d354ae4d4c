import type { Kind, KubeObject } from '../api/meta.ts'
import { annotate, sameObject } from '../desired/json-patch.ts'
import { isApiError } from '../kube/api-error.ts'
import type { JsonPatchOp } from '../kube/types.ts'
import type { Context } from './command.ts'
import { CommandError, exit } from './exit.ts'

/** What the API server notes as the author of a person's edits. */
const fieldManager = 'granary-cli'
const maxTries = 5

/** Changes an object with the person's own rights; looks again when somebody else was faster. No operations: it is so already. */
export const edit = async <T extends KubeObject>(
  { client, signal }: Context,
  kind: Kind,
  object: T,
  change: (object: T) => JsonPatchOp[],
): Promise<T> => {
  const { name, namespace } = object.metadata
  const ref = { kind, name, ...(namespace === undefined ? {} : { namespace }) }
  let last = object
  for (let attempt = 1; ; attempt++) {
    const ops = change(last)
    if (ops.length === 0) return last
    try {
      return await client.patch<T>(ref, [sameObject(last), ...ops], { fieldManager, signal })
    } catch (error) {
      if (!isApiError(error, (e) => e.isConflict) || attempt === maxTries) throw error
      last = await client.get<T>(ref, { signal })
      if (last.metadata.uid !== object.metadata.uid)
        throw new CommandError(exit.conflict, `${kind.kind} ${namespace}/${name} was replaced by another one`)
    }
  }
}

/** Asks the operator for something by an annotation. */
export const request = <T extends KubeObject>(
  context: Context,
  kind: Kind,
  object: T,
  annotation: string,
  value: string,
): Promise<T> => edit(context, kind, object, (now) => annotate(now, { [annotation]: value }))

/** A value that no request had before. */
export const newRequest = ({ now }: Context): string => new Date(now()).toISOString()
