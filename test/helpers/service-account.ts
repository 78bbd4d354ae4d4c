import { generateKeyPairSync } from 'node:crypto'

/** The file of a service account key as Google gives it, for an account that nobody has, and the key that its signatures can be checked with. */
export const serviceAccountKey = (): { json: string; privateKey: string; publicKey: string; email: string } => {
  const { privateKey, publicKey } = generateKeyPairSync('rsa', {
    modulusLength: 2048,
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
    publicKeyEncoding: { type: 'spki', format: 'pem' },
  })
  const email = 'mover@granary-test.iam.gserviceaccount.com'
  const json = JSON.stringify(
    {
      type: 'service_account',
      project_id: 'granary-test',
      private_key_id: '0123456789abcdef0123456789abcdef01234567',
      private_key: privateKey,
      client_email: email,
      client_id: '1',
      token_uri: 'https://oauth2.googleapis.com/token',
    },
    null,
    2,
  )
  return { json, privateKey, publicKey, email }
}
