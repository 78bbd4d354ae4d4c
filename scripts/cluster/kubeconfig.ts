import { readFile, writeFile } from 'node:fs/promises'
import { certificatePaths } from './certs.ts'

/** Writes a kubeconfig for one client certificate; everything is embedded, so the file can be copied elsewhere. */
export const writeKubeconfig = async (
  file: string,
  cluster: { server: string; certificates: string; user: string },
): Promise<void> => {
  const embed = async (path: string) => (await readFile(path)).toString('base64')
  const pair = certificatePaths(cluster.certificates, cluster.user)
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [
      {
        name: 'granary',
        cluster: {
          server: cluster.server,
          'certificate-authority-data': await embed(certificatePaths(cluster.certificates, 'ca').certificate),
        },
      },
    ],
    users: [
      {
        name: cluster.user,
        user: {
          'client-certificate-data': await embed(pair.certificate),
          'client-key-data': await embed(pair.key),
        },
      },
    ],
    contexts: [{ name: 'granary', context: { cluster: 'granary', user: cluster.user } }],
    'current-context': 'granary',
  }
  await writeFile(file, `${JSON.stringify(config, null, 2)}\n`, { mode: 0o600 })
}
