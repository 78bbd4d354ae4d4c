import { homedir } from 'node:os'
import { join } from 'node:path'

const given = (text: string | undefined): string | undefined => (text === undefined || text === '' ? undefined : text)

export interface CopyConfig {
  /** Where Granary keeps what it wrote down of earlier copies. */
  stateDir: string
  s3: { endpoint?: string; region?: string; caFile?: string }
  /** Keys that stand in the environment themselves, for as long as it lasts, and that nothing there comes before. */
  accessKeys?: { accessKeyId: string; secretAccessKey: string; sessionToken?: string }
  gcs: { endpoint?: string }
  /** Secrets that came by the environment: never to be printed. */
  secrets: string[]
}

/** The SDK, which takes a while to load, would find these very keys. */
const keysOf = (env: NodeJS.ProcessEnv): CopyConfig['accessKeys'] => {
  const [accessKeyId, secretAccessKey] = [given(env.AWS_ACCESS_KEY_ID), given(env.AWS_SECRET_ACCESS_KEY)]
  if (accessKeyId === undefined || secretAccessKey === undefined) return undefined
  if (given(env.AWS_PROFILE) !== undefined || given(env.AWS_CREDENTIAL_EXPIRATION) !== undefined) return undefined
  const sessionToken = given(env.AWS_SESSION_TOKEN)
  return { accessKeyId, secretAccessKey, ...(sessionToken && { sessionToken }) }
}

/** What `granary cp` takes from the environment: the variables that the tools of the providers use. Other keys are found by the providers' SDKs. */
export const copyConfig = (env: NodeJS.ProcessEnv = process.env): CopyConfig => {
  const endpoint = given(env.AWS_ENDPOINT_URL_S3) ?? given(env.AWS_ENDPOINT_URL)
  const region = given(env.AWS_REGION) ?? given(env.AWS_DEFAULT_REGION)
  const caFile = given(env.AWS_CA_BUNDLE)
  const emulator = given(env.STORAGE_EMULATOR_HOST)
  const accessKeys = keysOf(env)
  const home = given(env.XDG_STATE_HOME) ?? join(homedir(), '.local', 'state')
  return {
    stateDir: join(home, 'granary', 'cp'),
    s3: { ...(endpoint && { endpoint }), ...(region && { region }), ...(caFile && { caFile }) },
    ...(accessKeys && { accessKeys }),
    gcs: emulator === undefined ? {} : { endpoint: emulator.includes('://') ? emulator : `http://${emulator}` },
    secrets: [env.AWS_SECRET_ACCESS_KEY, env.AWS_SESSION_TOKEN].flatMap((secret) => given(secret) ?? []),
  }
}
