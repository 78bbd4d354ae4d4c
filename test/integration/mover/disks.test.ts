import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { MoveLocation } from '../../../src/api/move.ts'
import type { DoneOf, SpecOf } from '../../../src/mover/deps.ts'
import { type Moving, pattern, startMoving } from '../../helpers/move.ts'
import { type MoverPod, moverPod } from '../../helpers/mover-process.ts'
import { type S3Server, startS3Server } from '../../helpers/s3-server.ts'
import { plant } from '../../helpers/tree.ts'

const MiB = 1024 * 1024
const files = { 'a/big.bin': pattern(3 * MiB), 'b.txt': 'b' }
const dataset = { namespace: 'team', name: 'm', uid: 'uid-1' }

/** A mover whose disk is a small one of its own, first full, then read-only, then roomy: it says which, and goes on in the end. */
describe('disks that are full or read-only', () => {
  let server: S3Server
  let moving: Moving
  let pod: MoverPod

  beforeAll(async () => {
    server = await startS3Server()
    moving = await startMoving(server)
    await server.createBucket('store')
  })
  beforeEach(async () => {
    pod = await moverPod({ s3: { AWS_ACCESS_KEY_ID: server.accessKey, AWS_SECRET_ACCESS_KEY: server.secretKey } })
  })
  afterEach(() => pod.remove())
  afterAll(async () => {
    await moving?.stop()
    await server?.stop()
  })

  /** Runs the mover three times on a tmpfs at `disk`; what it said each time, and what it left on the disk. */
  const onDisk = async (disk: string, spec: SpecOf<'Populate'> | SpecOf<'Finalize'>) => {
    await mkdir(disk, { recursive: true })
    const run = (step: string) =>
      [
        '"$@" > /dev/null 2>&1',
        `echo "${step}: $? $(cat ${join(pod.data, '..', 'termination-log')})"`,
        `find ${disk} -name '.granary*' | sed 's/^/${step} left: /'`,
      ].join('; ')
    const script = [
      `mount -t tmpfs -o size=1m tmpfs ${disk}`,
      run('full'),
      `mount -o remount,ro,size=64m ${disk}`,
      run('read-only'),
      `mount -o remount,rw ${disk}`,
      run('roomy'),
      `cat ${join(pod.data, '..', 'termination-log')} > /dev/null`,
    ].join('\n')
    const spaces = process.getuid?.() === 0 ? ['--mount'] : ['--mount', '--user', '--map-root-user']
    const { output } = await pod.run(spec, ['unshare', ...spaces, 'sh', '-c', script, 'sh'])
    return output.split('\n').filter((line) => line !== '')
  }
  const finalizing = (store: MoveLocation): SpecOf<'Finalize'> => ({
    op: 'Finalize',
    dataset,
    store,
    intent: { sequence: 1, createdAt: '2026-11-21T12:00:00Z' },
  })

  test('a volume to be filled', async () => {
    const store = moving.location('store', 'granary/team/m/')
    await plant(pod.data, files)
    const { root, digest } = (await pod.run(finalizing(store))).result as DoneOf<'Finalize'>
    const version = { sequence: 1, root, digest }
    const said = await onDisk(pod.data, { op: 'Populate', store, version, modes: 'Working' })
    expect(said).toEqual([
      expect.stringMatching(/^full: 12 .*InsufficientSpace.*ask for a bigger claim/),
      expect.stringMatching(/^read-only: 20 .*Unreachable.*read-only file system: look at the volume/),
      expect.stringMatching(/^roomy: 0 .*"outcome":"Done","files":2/),
    ])
  })

  test('a claim that is the store', async () => {
    const store: MoveLocation = {
      name: 'store',
      directory: { kind: 'claim', label: 'claim versions' },
      prefix: 'granary/team/m/',
      credentials: 'Anonymous',
    }
    await plant(pod.data, files)
    const said = await onDisk(pod.mount('store'), finalizing(store))
    expect(said).toEqual([
      expect.stringMatching(/^full: 12 .*StoreFull.*claim versions is full \(ENOSPC\): make room/),
      expect.stringMatching(/^read-only: 13 .*CredentialsDenied.*EROFS/),
      expect.stringMatching(/^roomy: 0 .*"outcome":"Committed","sequence":1/),
    ])
  })
})
