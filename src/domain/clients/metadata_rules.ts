import type { ClientMetadata } from './client_metadata.ts'
import { redirectUriFault } from './client_uri.ts'

/** The rules between the members of client metadata: one check each, and the table that orders them. */

export type MetadataFault = { path: (string | number)[]; message: string }
type Rule = (metadata: ClientMetadata) => MetadataFault[]

const RULES: readonly Rule[] = [
  redirectUrisAreExact,
  codeFlowHasRedirectUri,
  responseTypeFollowsGrant,
  refreshTokenHasAnOrigin,
  clientCredentialsAuthenticate,
  privateKeyJwtHasKeys,
  assertionAlgHasUse,
  logoutSessionHasUri,
]

export function metadataFaults(metadata: ClientMetadata): MetadataFault[] {
  return RULES.flatMap((rule) => rule(metadata))
}

function fault(member: keyof ClientMetadata, message: string): MetadataFault[] {
  return [{ path: [member], message }]
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

function responseTypeFollowsGrant({
  grant_types,
  response_types,
}: ClientMetadata): MetadataFault[] {
  const code = grant_types.includes('authorization_code')
  if (code === response_types.includes('code')) return []
  return code
    ? fault('response_types', 'must hold code for the authorization_code grant')
    : fault('response_types', 'must be empty without the authorization_code grant')
}

function refreshTokenHasAnOrigin({ grant_types }: ClientMetadata): MetadataFault[] {
  if (grant_types.length === 0) return fault('grant_types', 'must hold a grant')
  const beginning = grant_types.some(
    (grant) => grant !== 'refresh_token' && grant !== 'client_credentials',
  )
  return grant_types.includes('refresh_token') && !beginning
    ? fault('grant_types', 'must hold authorization_code or the device grant besides refresh_token')
    : []
}

/** RFC 6749 §4.4: "MUST only be used by confidential clients". */
function clientCredentialsAuthenticate(metadata: ClientMetadata): MetadataFault[] {
  return metadata.grant_types.includes('client_credentials') &&
    metadata.token_endpoint_auth_method === 'none'
    ? fault('token_endpoint_auth_method', 'must not be none for the client_credentials grant')
    : []
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

function logoutSessionHasUri(metadata: ClientMetadata): MetadataFault[] {
  return metadata.backchannel_logout_session_required && !metadata.backchannel_logout_uri
    ? fault('backchannel_logout_session_required', 'needs a backchannel_logout_uri')
    : []
}
