import { isOwnScope } from '../../core/own_scope.ts'
import type { Client } from '../../domain/clients/client.ts'
import {
  CIBA_GRANT,
  type ClientMetadata,
  DEVICE_CODE_GRANT,
  type GRANT_TYPES,
  JWT_BEARER_GRANT,
  TOKEN_EXCHANGE_GRANT,
} from '../../domain/clients/client_metadata.ts'
import type { Config } from '../../platform/config/schema.ts'
import type { Payload } from './adapters/codec.ts'

/**
 * Our own names among the client metadata, beside those of RFC 7591. The engine validates clients
 * anew when this changes, so nothing goes in that it does not need.
 */
export const EXTRA_CLIENT_METADATA = [
  'first_party',
  'preset',
  'origin',
  'resource_scopes',
  'introspection',
  'minimum_acr',
  'mfa_policy',
  'connection',
  'frontchannel_logout_uri',
  'token_exchange',
  'assertion_issuers',
] as const

type GrantType = (typeof GRANT_TYPES)[number]

/** Stands where the engine insists on a client secret; the real ones are only known by their hashes. */
const KEPT_AS_HASH = 'kept as a hash'

/**
 * The registered client as the engine wants it, or undefined for one that may not be used. What the
 * deployment has switched off is left out: the engine would refuse the whole client for it. A client
 * that was promised protection which is switched off may not be used rather than go without.
 */
export function engineMetadata(
  client: Client | undefined,
  protocols: Config['protocols'],
  ownScopes: ReadonlySet<string> = new Set(),
): Payload | undefined {
  if (client?.status !== 'active' || lacksProtection(client.metadata, protocols)) return undefined
  const method = client.metadata.token_endpoint_auth_method ?? 'client_secret_basic'
  return {
    ...client.metadata,
    grant_types: client.metadata.grant_types.filter((grant) => isOffered(grant, protocols)),
    response_types: client.metadata.response_types.filter(
      (type) => type === 'code' || protocols.legacyClients,
    ),
    ...scopeOf(client.metadata.scope, ownScopes),
    client_id: client.clientId,
    client_name: client.name,
    first_party: client.firstParty,
    preset: client.preset,
    origin: client.origin,
    ...(method.startsWith('client_secret') ? { client_secret: KEPT_AS_HASH } : {}),
  } as Payload
}

/** A scope of the deployment's own goes with the schema that made it; the client does not. */
function scopeOf(scope: string | undefined, ownScopes: ReadonlySet<string>) {
  if (scope === undefined) return {}
  const known = scope.split(' ').filter((name) => !isOwnScope(name) || ownScopes.has(name))
  return { scope: known.join(' ') || 'openid' }
}

/** What members of the metadata promise, and what it depends on. */
const PROTECTION = [
  ['require_signed_request_object', 'requestObjects'],
  ['backchannel_authentication_request_signing_alg', 'requestObjects'],
  ['id_token_encrypted_response_alg', 'encryption'],
  ['userinfo_encrypted_response_alg', 'encryption'],
  ['introspection_encrypted_response_alg', 'encryption'],
  ['authorization_encrypted_response_alg', 'encryption'],
] as const satisfies [keyof ClientMetadata, keyof Config['protocols']][]

function lacksProtection(metadata: ClientMetadata, protocols: Config['protocols']): boolean {
  return PROTECTION.some(([member, protocol]) => metadata[member] && !protocols[protocol])
}

/** What each grant depends on. */
const OFFERED: Readonly<Record<GrantType, keyof Config['protocols'] | boolean>> = {
  authorization_code: true,
  refresh_token: true,
  client_credentials: true,
  implicit: 'legacyClients',
  [DEVICE_CODE_GRANT]: 'deviceFlow',
  [TOKEN_EXCHANGE_GRANT]: 'tokenExchange',
  [JWT_BEARER_GRANT]: 'jwtBearer',
  [CIBA_GRANT]: 'ciba',
}

function isOffered(grant: GrantType, protocols: Config['protocols']): boolean {
  const offered = OFFERED[grant]
  return typeof offered === 'boolean' ? offered : Boolean(protocols[offered])
}
