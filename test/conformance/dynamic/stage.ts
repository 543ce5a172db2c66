import { randomToken } from '../../../src/core/secrets.ts'
import type { EnvironmentVariables } from '../../../src/platform/config/load_config.ts'
import { type SigningParty, signingParty } from '../../protocol/driver.ts'
import { CALLBACK, type OidcStage, SECOND_CALLBACK } from '../oidc/stage.ts'
import { type Op, startOp } from '../support/op.ts'
import type { Party } from '../support/party.ts'
import type { Module } from '../support/plan.ts'
import { type SuiteHost, startSuiteHost } from '../support/suite_host.ts'
import { type Registered, type Registrar, registrarOf } from './registration.ts'

/** What the modules of the Dynamic plan have besides: they register, and publish documents. */
export type DynamicStage = OidcStage & {
  /** For the modules about discovery. */
  dynamic: true
  host: SuiteHost
  registrar: Registrar
  /** A client of code flow and private_key_jwt that registers itself. */
  join(metadata?: object): Promise<Joined>
}

export type Joined = Party & { key: SigningParty; registered: Registered }
export type DynamicModule = Module<DynamicStage>

/** Anybody registers, as a client of old, which the suite's are: they send no PKCE. */
const OPEN = {
  AUTHCORE_DYNAMIC_REGISTRATION: 'open',
  AUTHCORE_REGISTRATION_PRESETS: 'legacy',
  AUTHCORE_LEGACY_CLIENTS: 'true',
}

export async function startDynamic(
  env: EnvironmentVariables = {},
): Promise<DynamicStage & { stop(): Promise<void> }> {
  const host = await startSuiteHost()
  const op = await startOp({ env: { ...OPEN, ...host.env, ...env } })
  const registrar = registrarOf(op)
  const join = (metadata: object = {}) => joined(op, registrar, metadata)
  return {
    op,
    dynamic: true,
    host,
    registrar,
    join,
    register: join,
    party: await join(),
    second: await join({ redirect_uris: [SECOND_CALLBACK] }),
    async stop() {
      try {
        await registrar.removeAll()
      } finally {
        await op.stop()
        host.stop()
      }
    },
  }
}

async function joined(op: Op, registrar: Registrar, metadata: object): Promise<Joined> {
  const key = await signingParty('RS256')
  const ownKeys = 'jwks_uri' in metadata ? {} : { jwks: { keys: [publicJwk(key)] } }
  const registered = await registrar.register({
    redirect_uris: [CALLBACK],
    grant_types: ['authorization_code', 'refresh_token'],
    response_types: ['code'],
    token_endpoint_auth_method: 'private_key_jwt',
    ...ownKeys,
    ...metadata,
  })
  return {
    op,
    clientId: registered.client_id,
    credentials: { method: 'private_key_jwt', key },
    key,
    registered,
    redirectUri: registered.redirect_uris[0]!,
    responseType: 'code',
    responseMode: undefined,
    scope: 'openid profile email',
    pkce: false,
    idTokenAlg: registered.id_token_signed_response_alg,
  }
}

/** As it is published, with a name of its own. */
export function publicJwk({ jwk, alg }: SigningParty): Record<string, unknown> {
  return { ...jwk, alg, use: 'sig', kid: randomToken().slice(0, 12) }
}
