import { KubeConfig } from '@kubernetes/client-node/dist/config.js'
import { Agent } from 'undici'

/** Where the API server is and how to be let in. Asked anew for every request: tokens and certificates change while we run. */
export interface Connection {
  /** URL without a final slash. */
  readonly server: string
  /** Of the context, if it names one. */
  readonly namespace?: string | undefined
  authenticate(): Promise<{ headers: Record<string, string>; dispatcher: Agent }>
  close(): Promise<void>
}

/** From a kubeconfig; without one, from where kubectl would take it, then from the pod's service account. `context`: another one than its current. */
export const connect = (kubeconfig?: string, context?: string): Connection => {
  const config = new KubeConfig()
  if (kubeconfig === undefined) config.loadFromDefault()
  else config.loadFromFile(kubeconfig)
  if (context !== undefined) {
    if (config.getContextObject(context) === null) throw new Error(`the kubeconfig has no context ${context}`)
    config.setCurrentContext(context)
  }
  const cluster = config.getCurrentCluster()
  if (!cluster) throw new Error('no Kubernetes cluster is configured: set KUBECONFIG, or run in a pod')
  const agents = new Agents()
  return {
    server: cluster.server.replace(/\/+$/, ''),
    namespace: config.getContextObject(config.getCurrentContext())?.namespace,
    authenticate: async () => {
      const options: TlsOptions & { headers?: Record<string, string>; auth?: string } = {}
      await config.applyToHTTPSOptions(options)
      const basic = options.auth && { Authorization: `Basic ${Buffer.from(options.auth).toString('base64')}` }
      return { headers: { ...options.headers, ...(basic || {}) }, dispatcher: agents.for(options) }
    },
    close: () => agents.close(),
  }
}

interface TlsOptions {
  ca?: string | Buffer
  cert?: string | Buffer
  key?: string | Buffer
  rejectUnauthorized?: boolean
  servername?: string
}

/** One Agent as long as the certificates stay the same; another one when they were renewed. */
class Agents {
  #agent: Agent | undefined
  #made = ''

  for({ ca, cert, key, rejectUnauthorized, servername }: TlsOptions): Agent {
    const identity = [ca, cert, key, rejectUnauthorized, servername].map((part) => `${part}`).join('\n')
    if (this.#agent && identity === this.#made) return this.#agent
    // What the old one still carries ends in its own time.
    void this.#agent?.close()
    const tls = Object.fromEntries(
      Object.entries({ ca, cert, key, rejectUnauthorized, servername }).filter(([, value]) => value != null),
    )
    this.#made = identity
    this.#agent = createAgent(tls)
    return this.#agent
  }

  async close() {
    await this.#agent?.destroy()
  }
}

/** HTTP/1.1; keepalive finds a connection that died without a word. */
export const createAgent = (tls: object = {}): Agent =>
  new Agent({
    allowH2: false,
    headersTimeout: 60_000,
    bodyTimeout: 60_000,
    connect: { ...tls, timeout: 10_000, keepAlive: true, keepAliveInitialDelay: 30_000 },
  })
