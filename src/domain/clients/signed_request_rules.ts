import type { ClientMetadata } from './client_metadata.ts'
import { fault, type MetadataFault, type Rule } from './metadata_fault.ts'

/** Rules for clients that sign their authorization requests (RFC 9101 §10.5). */
export const SIGNED_REQUEST_RULES: readonly Rule[] = [signedRequestsHaveKeys]

function signedRequestsHaveKeys(metadata: ClientMetadata): MetadataFault[] {
  const { jwks, jwks_uri, require_signed_request_object, request_object_signing_alg } = metadata
  const member =
    (request_object_signing_alg && 'request_object_signing_alg') ||
    (require_signed_request_object && 'require_signed_request_object')
  if (!member || jwks || jwks_uri) return []
  return fault(member, 'needs the keys that verify the requests: jwks or jwks_uri')
}
