import { existsSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import {
  type GrpcObject,
  loadPackageDefinition,
  Server,
  ServerCredentials,
  type ServiceClientConstructor,
  status,
} from '@grpc/grpc-js'
import { loadSync } from '@grpc/proto-loader'

const protoDir = join(dirname(fileURLToPath(import.meta.url)), 'proto')

/** A method of a service: takes the request as an object with camelCase fields and returns the response. */
export type Method = (request: never) => Promise<object> | object

/** An error with a gRPC status, such as `NOT_FOUND`. */
export class StatusError extends Error {
  readonly code: status
  constructor(code: keyof typeof status, message: string) {
    super(message)
    this.code = status[code]
  }
}

/** Finds a service (`csi.v1.Node`) in one of the proto files. */
export const loadService = (file: string, path: string): ServiceClientConstructor => {
  const definition = loadSync(join(protoDir, file), { longs: Number, defaults: true, enums: String, oneofs: true })
  const found = path
    .split('.')
    .reduce<GrpcObject | undefined>(
      (scope, name) => scope?.[name] as GrpcObject | undefined,
      loadPackageDefinition(definition),
    )
  if (found === undefined) throw new Error(`${file} has no service ${path}`)
  return found as unknown as ServiceClientConstructor
}

/** Serves services on a unix socket until the process ends; methods that are not given answer UNIMPLEMENTED. */
export const serve = async (
  socket: string,
  services: readonly { service: ServiceClientConstructor; methods: Record<string, Method> }[],
  log: (line: string) => void,
): Promise<Server> => {
  const server = new Server()
  for (const { service, methods } of services) {
    const handlers = Object.entries(methods).map(([name, method]) => [
      name,
      (call: { request: never }, answer: (error: object | null, response?: object) => void) => {
        Promise.resolve()
          .then(() => method(call.request))
          .then((response) => answer(null, response))
          .catch((error: Error & { code?: unknown }) => {
            log(`${name} ${JSON.stringify(call.request)}: ${error.message}`)
            const code = error instanceof StatusError ? error.code : status.INTERNAL
            answer({ code, details: error.message })
          })
      },
    ])
    server.addService(service.service, Object.fromEntries(handlers))
  }
  if (existsSync(socket)) rmSync(socket)
  await new Promise<void>((resolve, reject) => {
    const bound = (error: Error | null) => (error ? reject(error) : resolve())
    server.bindAsync(`unix://${socket}`, ServerCredentials.createInsecure(), bound)
  })
  return server
}
