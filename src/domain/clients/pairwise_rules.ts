import { CIBA_GRANT, type ClientMetadata, DEVICE_CODE_GRANT } from './client_metadata.ts'
import { fault, type MetadataFault, type Rule } from './metadata_fault.ts'

/** Rules for clients that know people by pairwise identifiers (OpenID Connect Core §8.1). */
export const PAIRWISE_RULES: readonly Rule[] = [
  pairwiseHasPeople,
  pairwiseHasSector,
  decoupledProvesSector,
]

const isPairwise = ({ subject_type }: ClientMetadata) => subject_type === 'pairwise'

/** Grants at whose end no browser comes back to an address of the client. */
function decoupledGrant({ grant_types }: ClientMetadata): string | undefined {
  return grant_types.find((grant) => grant === DEVICE_CODE_GRANT || grant === CIBA_GRANT)
}

function pairwiseHasPeople(metadata: ClientMetadata): MetadataFault[] {
  return isPairwise(metadata) && metadata.response_types.length === 0 && !decoupledGrant(metadata)
    ? fault('subject_type', 'must be public for a client that nobody signs in to')
    : []
}

/**
 * The sector is the host of the redirect URIs, so there has to be exactly one. On loopback and behind
 * private schemes it would be shared with every other native application.
 */
function pairwiseHasSector(metadata: ClientMetadata): MetadataFault[] {
  const { application_type, redirect_uris, response_types, sector_identifier_uri } = metadata
  if (!isPairwise(metadata) || sector_identifier_uri || response_types.length === 0) return []
  const hosts = new Set(redirect_uris.map((uri) => URL.parse(uri)?.host))
  if (application_type === 'web' && hosts.size === 1 && !decoupledGrant(metadata)) return []
  return fault(
    'sector_identifier_uri',
    'must be given for pairwise subjects, except where all redirect_uris of a web application have one host',
  )
}

/** Without a browser the keys prove which sector a client is of. */
function decoupledProvesSector(metadata: ClientMetadata): MetadataFault[] {
  if (!isPairwise(metadata) || !decoupledGrant(metadata)) return []
  const { jwks_uri, token_endpoint_auth_method: method } = metadata
  if (!jwks_uri) return fault('jwks_uri', 'must be given for pairwise subjects with this grant')
  return method === 'private_key_jwt' || method === 'self_signed_tls_client_auth'
    ? []
    : fault(
        'token_endpoint_auth_method',
        'must be private_key_jwt or self_signed_tls_client_auth for pairwise subjects with this grant',
      )
}
