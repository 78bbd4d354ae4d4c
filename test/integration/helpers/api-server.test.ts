import { readFile } from 'node:fs/promises'
import { Agent, fetch } from 'undici'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { kubernetesVersion } from '../../../scripts/cluster/programs.ts'
import { type ApiServer, startApiServer } from '../../helpers/api-server.ts'

describe('the API server of the tests', () => {
  let server: ApiServer
  let dispatcher: Agent

  beforeAll(async () => {
    server = await startApiServer()
    dispatcher = new Agent({ connect: server.credentials })
  }, 900_000)

  afterAll(async () => {
    await dispatcher?.close()
    await server?.stop()
  })

  test('runs the pinned release', async () => {
    const response = await fetch(`${server.url}/version`, { dispatcher })
    expect(await response.json()).toMatchObject({ gitVersion: kubernetesVersion })
  })

  test('lets the administrator write', async () => {
    const body = JSON.stringify({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { generateName: 'written-' } })
    const headers = { 'content-type': 'application/json' }
    const url = `${server.url}/api/v1/namespaces/default/configmaps`
    expect((await fetch(url, { method: 'POST', body, headers, dispatcher })).status).toBe(201)
  })

  test('refuses whom it does not know', async () => {
    const stranger = new Agent({ connect: { ca: server.credentials.ca } })
    const response = await fetch(`${server.url}/api/v1/namespaces`, { dispatcher: stranger })
    expect(response.status).toBe(403)
    await stranger.close()
  })

  test('its kubeconfig names the same server', async () => {
    expect(await readFile(server.kubeconfig, 'utf8')).toContain(server.url)
  })
})
