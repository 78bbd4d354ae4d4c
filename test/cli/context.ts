import type { Dataset, DatasetStatus } from '../../src/api/dataset.ts'
import { DatasetSpec } from '../../src/api/dataset.ts'
import type { DatasetVersion } from '../../src/api/dataset-version.ts'
import * as kinds from '../../src/api/kinds.ts'
import { parseArguments } from '../../src/cli/arguments.ts'
import type { Context } from '../../src/cli/command.ts'
import { commands } from '../../src/cli/commands.ts'
import { explain } from '../../src/cli/exit.ts'
import type { ObjectStore } from '../../src/stores/object-store.ts'
import { ModelApi } from '../helpers/model-api.ts'

export const hex = (digit: string): string => digit.repeat(64)

/** A person at a model of the API server: `type('tag set mnist prod v3')` gives what was printed and the exit code. */
export const personAt = (api: ModelApi, options: { store?: ObjectStore; each?: () => void } = {}) => ({
  async type(line: string): Promise<{ out: string; notes: string; code: number }> {
    const words = line.split(' ')
    const name = Object.hasOwn(commands, words.slice(0, 2).join(' ')) ? words.slice(0, 2).join(' ') : (words[0] ?? '')
    const command = commands[name]
    if (!command) throw new Error(`no command in ${line}`)
    const [out, notes]: string[][] = [[], []]
    try {
      const parsed = parseArguments(command, words.slice(name.split(' ').length))
      const context: Context = {
        client: api,
        namespace: parsed.namespace ?? 'vision',
        namespaceGiven: parsed.namespace !== undefined,
        allNamespaces: parsed.allNamespaces,
        format: parsed.format,
        ...(parsed.wait === undefined ? {} : { wait: parsed.wait }),
        print: (text) => void out?.push(text),
        write: async (bytes) => void out?.push(Buffer.from(bytes).toString()),
        note: (text) => void notes?.push(text),
        now: () => api.now,
        sleep: async (ms) => {
          api.now += ms
          options.each?.()
        },
        openStore: async () => {
          if (options.store === undefined) throw new Error('no store')
          return options.store
        },
        signal: new AbortController().signal,
      }
      await (await command.load())(context, parsed.args, parsed.flags)
      return { out: (out ?? []).join('\n'), notes: (notes ?? []).join('\n'), code: 0 }
    } catch (error) {
      const { code, message } = explain(error)
      return { out: (out ?? []).join('\n'), notes: [...(notes ?? []), message].join('\n'), code }
    }
  },
})

export const dataset = (
  name: string,
  options: { namespace?: string; spec?: object; status?: DatasetStatus } = {},
): Dataset => ({
  apiVersion: kinds.apiVersion,
  kind: 'Dataset',
  metadata: {
    name,
    namespace: options.namespace ?? 'vision',
    uid: `uid-${name}`,
    creationTimestamp: '2025-12-31T23:00:00Z',
  },
  spec: { ...DatasetSpec.parse({}), ...options.spec } as DatasetSpec,
  ...(options.status === undefined ? {} : { status: options.status }),
})

export const version = (
  of: string,
  sequence: number,
  options: { namespace?: string; spec?: object; status?: object } = {},
): DatasetVersion => ({
  apiVersion: kinds.apiVersion,
  kind: 'DatasetVersion',
  metadata: {
    name: `${of}-v${sequence}`,
    namespace: options.namespace ?? 'vision',
    creationTimestamp: '2025-12-31T23:00:00Z',
  },
  spec: { dataset: of, ...options.spec },
  status: {
    phase: 'Committed',
    sequence,
    version: `v${sequence}`,
    digest: hex(String(sequence % 10)),
    rootDigest: hex('f'),
    files: 10 * sequence,
    bytes: 1024,
    size: '1.0 KiB',
    committedAt: '2025-12-31T23:30:00Z',
    ...options.status,
  },
})

export const namespaces = (api: ModelApi, ...names: string[]): void => {
  for (const name of names) api.seed({ apiVersion: 'v1', kind: 'Namespace', metadata: { name } })
}

/** `vision/mnist` with v1 and v2 committed, v3 open, `prod` at v1. */
export const visionApi = (): ModelApi => {
  const api = new ModelApi()
  namespaces(api, 'vision', 'serving')
  api.seed(
    dataset('mnist', {
      spec: { tags: { prod: 'v1' } },
      status: {
        source: 's3://team/mnist/',
        latest: {
          version: 'v2',
          name: 'mnist-v2',
          digest: hex('2'),
          files: 20,
          bytes: 1024,
          size: '1.0 KiB',
          committedAt: '2025-12-31T23:30:00Z',
        },
        tags: [{ name: 'prod', version: 'v1', digest: hex('1'), movedAt: '2025-12-31T23:30:00Z' }],
        tagHistory: [{ name: 'prod', to: 'v1', at: '2025-12-31T23:30:00Z' }],
        conditions: [
          {
            type: 'Ready',
            status: 'True',
            reason: 'Ready',
            message: 'Fine.',
            lastTransitionTime: '2025-12-31T23:30:00Z',
          },
        ],
      },
    }),
  )
  api.seed(version('mnist', 1, { spec: { from: { source: {} } } }))
  api.seed(version('mnist', 2, { status: { producedBy: { kind: 'Job', name: 'clean' } }, spec: { message: 'fewer' } }))
  api.seed(
    version('mnist', 3, {
      status: {
        phase: 'Running',
        digest: undefined,
        rootDigest: undefined,
        files: undefined,
        size: undefined,
        committedAt: undefined,
      },
    }),
  )
  return api
}
