import { describe } from 'vitest'
import { startFaultyGcs, startFaultyS3 } from '../../helpers/faulty-store.ts'
import { fileFaults } from '../../helpers/file-faults.ts'

describe('S3', () => fileFaults(startFaultyS3))
describe('S3 with TLS', () => fileFaults(() => startFaultyS3({ tls: true }), 'of connections'))
describe('Google Cloud Storage', () => fileFaults(startFaultyGcs))
describe('Google Cloud Storage with TLS', () => fileFaults(() => startFaultyGcs({ tls: true }), 'of connections'))
