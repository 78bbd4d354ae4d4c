import { describe } from 'vitest'
import { startFaultyGcs, startFaultyS3 } from '../../helpers/faulty-store.ts'
import { fileFaults } from '../../helpers/file-faults.ts'

const names = ['small', 'big'] as const
const faults = 'of connections'

describe('S3', () => fileFaults(startFaultyS3))
describe('S3 with TLS', () => fileFaults(() => startFaultyS3({ tls: true }), { faults }))
describe('Google Cloud Storage', () => fileFaults(startFaultyGcs, { names }))
describe('Google Cloud Storage with TLS', () => fileFaults(() => startFaultyGcs({ tls: true }), { faults, names }))
