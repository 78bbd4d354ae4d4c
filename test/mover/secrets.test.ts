import { symlink } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { readRedactor } from '../../src/mover/secrets.ts'
import { serviceAccountKey } from '../helpers/service-account.ts'
import { plant, temporaryDir } from '../helpers/tree.ts'

test('values of mounted Secrets are cut out, in any spelling; short ones are left', async () => {
  const dir = await temporaryDir()
  // As the kubelet mounts a Secret: links into a directory of the current generation.
  await plant(dir, {
    'team/..data/AWS_SECRET_ACCESS_KEY': 'wJalr/XUtn+FEMI"K7\n',
    'team/..data/AWS_REGION': 'eu',
    'gcs/key.json': '{\n  "private_key": "-----BEGIN"\n}',
  })
  await symlink('..data/AWS_SECRET_ACCESS_KEY', join(dir, 'team/AWS_SECRET_ACCESS_KEY'))
  const redact = await readRedactor(dir, ['', 'from-the-environment'])
  expect(redact('key wJalr/XUtn+FEMI"K7 in eu')).toBe('key [redacted] in eu')
  expect(redact(JSON.stringify({ key: 'wJalr/XUtn+FEMI"K7' }))).toBe('{"key":"[redacted]"}')
  expect(redact(`?sig=${encodeURIComponent('wJalr/XUtn+FEMI"K7')}`)).toBe('?sig=[redacted]')
  expect(redact('"private_key": "-----BEGIN" from-the-environment')).toBe('[redacted] [redacted]')
})

test('a service account key is cut out as the file has it, and as a library has it once it was parsed', async () => {
  const dir = await temporaryDir()
  const { json, privateKey, email } = serviceAccountKey()
  await plant(dir, {
    'source/service-account.json': json,
    'store/service-account.json': JSON.stringify(JSON.parse(json)),
  })
  const redact = await readRedactor(dir, [])
  const inner = privateKey.split('\n').filter((line) => line !== '' && !line.startsWith('-----'))
  for (const text of [json, privateKey, JSON.stringify(privateKey), ...inner, `at sign (${inner[3]})`])
    for (const line of inner) expect(redact(text)).not.toContain(line)
  expect(redact(`${email} may not list`)).toBe(`${email} may not list`)
})

test('no credentials are mounted', async () => {
  const redact = await readRedactor('/nowhere/at/all', [])
  expect(redact('text')).toBe('text')
})
