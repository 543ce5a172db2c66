import {
  CIBA_GRANT,
  type ClientMetadata,
  JWT_BEARER_GRANT,
  TOKEN_EXCHANGE_GRANT,
} from './client_metadata.ts'
import { redirectUriFault } from './client_uri.ts'
import { ENCRYPTION_RULES } from './encryption_rules.ts'
import { fault, type MetadataFault, type Rule } from './metadata_fault.ts'
import { MUTUAL_TLS_RULES } from './mutual_tls_rules.ts'
import { PAIRWISE_RULES } from './pairwise_rules.ts'
import { SIGNED_REQUEST_RULES } from './signed_request_rules.ts'

/** The rules between the members of client metadata: one check each, and the table that orders them. */

const RULES: readonly Rule[] = [
  redirectUrisAreExact,
  codeFlowHasRedirectUri,
  responseTypeFollowsGrant,
  implicitIsForTheWeb,
  refreshTokenHasAnOrigin,
  confidentialGrantsAuthenticate,
  privateKeyJwtHasKeys,
  assertionAlgHasUse,
  logoutSessionHasUri,
  ...ENCRYPTION_RULES,
  ...PAIRWISE_RULES,
  ...SIGNED_REQUEST_RULES,
  ...MUTUAL_TLS_RULES,
  exchangePolicyHasGrant,
  exchangeAudiencesAreAssigned,
  assertionsHaveIssuers,
  cibaSaysHowItHears,
]

export function metadataFaults(metadata: ClientMetadata): MetadataFault[] {
  return RULES.flatMap((rule) => rule(metadata))
}

function redirectUrisAreExact(metadata: ClientMetadata): MetadataFault[] {
  const native = metadata.application_type === 'native'
  return (['redirect_uris', 'post_logout_redirect_uris'] as const).flatMap((member) =>
    metadata[member].flatMap((uri, index) => {
      const message = redirectUriFault(uri, native)
      return message ? [{ path: [member, index], message }] : []
    }),
  )
}

function codeFlowHasRedirectUri({ grant_types, redirect_uris }: ClientMetadata): MetadataFault[] {
  return grant_types.includes('authorization_code') && redirect_uris.length === 0
    ? fault('redirect_uris', 'must hold an address for the authorization_code grant')
    : []
}

/** OpenID Connect Registration §2: which grants each response type stands for. */
function responseTypeFollowsGrant({
  grant_types,
  response_types,
}: ClientMetadata): MetadataFault[] {
  const parts = new Set(response_types.flatMap((type) => type.split(' ')))
  const code = parts.has('code')
  const implicit = parts.has('token') || parts.has('id_token')
  if (grant_types.includes('authorization_code') !== code) {
    return code
      ? fault('response_types', 'must not hold code without the authorization_code grant')
      : fault('response_types', 'must hold code for the authorization_code grant')
  }
  if (grant_types.includes('implicit') === implicit) return []
  return implicit
    ? fault('grant_types', 'must hold implicit for these response_types')
    : fault('response_types', 'must hold token or id_token for the implicit grant')
}

/** OpenID Connect Registration §2, application_type: "MUST only register URLs using the https scheme". */
function implicitIsForTheWeb({
  grant_types,
  application_type,
  redirect_uris,
}: ClientMetadata): MetadataFault[] {
  if (!grant_types.includes('implicit') || application_type !== 'web') return []
  return redirect_uris.flatMap((uri, index) => {
    const url = URL.parse(uri)
    return url?.protocol === 'https:' && url.hostname !== 'localhost'
      ? []
      : [{ path: ['redirect_uris', index], message: 'must be https, not localhost, for implicit' }]
  })
}

/** Grants that give no refresh token. */
const WITHOUT_REFRESH: ReadonlySet<string> = new Set([
  'refresh_token',
  'client_credentials',
  'implicit',
  TOKEN_EXCHANGE_GRANT,
  JWT_BEARER_GRANT,
])

function refreshTokenHasAnOrigin({ grant_types }: ClientMetadata): MetadataFault[] {
  if (grant_types.length === 0) return fault('grant_types', 'must hold a grant')
  const beginning = grant_types.some((grant) => !WITHOUT_REFRESH.has(grant))
  return grant_types.includes('refresh_token') && !beginning
    ? fault('grant_types', 'must hold a grant that gives refresh tokens besides refresh_token')
    : []
}

/** RFC 6749 §4.4 ("MUST only be used by confidential clients"), RFC 8693 §5, CIBA Core §4. */
const CONFIDENTIAL_GRANTS = [
  'client_credentials',
  TOKEN_EXCHANGE_GRANT,
  JWT_BEARER_GRANT,
  CIBA_GRANT,
] as const

function confidentialGrantsAuthenticate(metadata: ClientMetadata): MetadataFault[] {
  if (metadata.token_endpoint_auth_method !== 'none') return []
  const grant = CONFIDENTIAL_GRANTS.find((each) => metadata.grant_types.includes(each))
  return grant
    ? fault('token_endpoint_auth_method', `must not be none for the ${shortGrant(grant)} grant`)
    : []
}

function shortGrant(grant: string): string {
  return grant.split(':').at(-1)!
}

function privateKeyJwtHasKeys(metadata: ClientMetadata): MetadataFault[] {
  const { jwks, jwks_uri, token_endpoint_auth_method: method } = metadata
  if (jwks && jwks_uri) return fault('jwks_uri', 'must not stand beside jwks')
  return method === 'private_key_jwt' && !jwks && !jwks_uri
    ? fault('jwks', 'or jwks_uri must be given for private_key_jwt')
    : []
}

function assertionAlgHasUse(metadata: ClientMetadata): MetadataFault[] {
  return metadata.token_endpoint_auth_signing_alg &&
    metadata.token_endpoint_auth_method !== 'private_key_jwt'
    ? fault('token_endpoint_auth_signing_alg', 'has a meaning with private_key_jwt only')
    : []
}

/** OpenID Connect CIBA Core §4 */
function cibaSaysHowItHears(metadata: ClientMetadata): MetadataFault[] {
  const {
    grant_types,
    backchannel_token_delivery_mode: mode,
    backchannel_client_notification_endpoint: endpoint,
  } = metadata
  if (grant_types.includes(CIBA_GRANT) !== (mode !== undefined)) {
    return mode === undefined
      ? fault('backchannel_token_delivery_mode', 'must be poll or ping for the ciba grant')
      : fault('backchannel_token_delivery_mode', 'has a meaning with the ciba grant only')
  }
  if ((mode === 'ping') === (endpoint !== undefined)) return []
  return endpoint === undefined
    ? fault('backchannel_client_notification_endpoint', 'must be given for ping')
    : fault('backchannel_client_notification_endpoint', 'has a meaning with ping only')
}

function logoutSessionHasUri(metadata: ClientMetadata): MetadataFault[] {
  return (['backchannel', 'frontchannel'] as const).flatMap((channel) =>
    metadata[`${channel}_logout_session_required`] && !metadata[`${channel}_logout_uri`]
      ? fault(`${channel}_logout_session_required`, `needs a ${channel}_logout_uri`)
      : [],
  )
}

function exchangePolicyHasGrant({ grant_types, token_exchange }: ClientMetadata): MetadataFault[] {
  return token_exchange && !grant_types.includes(TOKEN_EXCHANGE_GRANT)
    ? fault('token_exchange', 'has a meaning with the token-exchange grant only')
    : []
}

/** The policy narrows what the client may have; it gives nothing of its own. */
function exchangeAudiencesAreAssigned({
  token_exchange,
  resource_scopes = {},
}: ClientMetadata): MetadataFault[] {
  const foreign = token_exchange?.audiences?.find((api) => !Object.hasOwn(resource_scopes, api))
  return foreign === undefined
    ? []
    : fault('token_exchange', `cannot name ${foreign}: it is not among resource_scopes`)
}

function assertionsHaveIssuers({
  grant_types,
  assertion_issuers: trusted = [],
}: ClientMetadata): MetadataFault[] {
  const granted = grant_types.includes(JWT_BEARER_GRANT)
  if (granted !== trusted.length > 0) {
    return granted
      ? fault('assertion_issuers', 'must name an issuer for the jwt-bearer grant')
      : fault('assertion_issuers', 'have a meaning with the jwt-bearer grant only')
  }
  const names = new Set(trusted.map(({ issuer }) => issuer))
  return names.size === trusted.length
    ? []
    : fault('assertion_issuers', 'must not name an issuer twice')
}
