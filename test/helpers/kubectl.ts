import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { clusterEnvironment } from '../../scripts/cluster/environment.ts'
import { programPath } from '../../scripts/cluster/programs.ts'

/** Runs kubectl on the cluster of the end-to-end tests and returns what it printed; rejects with its own message. */
export const kubectl = (args: readonly string[], input = ''): Promise<string> =>
  new Promise((resolve, reject) => {
    const child = spawn(programPath('kubectl'), args, { env: { ...process.env, ...clusterEnvironment() } })
    let [out, err] = ['', '']
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      out += text
    })
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      err += text
    })
    child.on('error', reject)
    child.on('close', (code) => {
      if (code === 0) resolve(out)
      else reject(new Error(`kubectl ${args.join(' ')}: ${err.trim()}`))
    })
    child.stdin.end(input)
  })

/** An object as it comes from the API; tests look into what they expect. */
// biome-ignore lint/suspicious/noExplicitAny: the shape is what the test asserts
export type AnyObject = Record<string, any>

/** Creates or changes objects, as `kubectl apply` does. */
export const applyObjects = (namespace: string, ...objects: AnyObject[]): Promise<string> => {
  const list = { apiVersion: 'v1', kind: 'List', items: objects }
  return kubectl(['apply', '--namespace', namespace, '-f', '-'], JSON.stringify(list))
}

/** Reads one object (`pod`, `pvc`, `dsv` …); undefined when there is none of that name. */
export const getObject = async (namespace: string, kind: string, name: string): Promise<AnyObject | undefined> => {
  const text = await kubectl(['get', kind, name, '--namespace', namespace, '--ignore-not-found', '-o', 'json'])
  return text.trim() === '' ? undefined : (JSON.parse(text) as AnyObject)
}

/** Makes a namespace with a name of its own; `remove` deletes it and waits until it is gone. */
export const createNamespace = async (
  prefix: string,
  labels: Record<string, string> = {},
): Promise<{ name: string; remove(): Promise<void> }> => {
  const name = `${prefix}-${randomBytes(4).toString('hex')}`
  const object = { apiVersion: 'v1', kind: 'Namespace', metadata: { name, labels } }
  await kubectl(['create', '-f', '-'], JSON.stringify(object))
  const remove = async () => {
    await kubectl(['delete', 'namespace', name, '--wait', '--timeout', '180s'])
  }
  return { name, remove }
}
