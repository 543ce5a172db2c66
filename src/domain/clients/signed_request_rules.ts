import type { ClientMetadata } from './client_metadata.ts'
import { fault, type MetadataFault, type Rule } from './metadata_fault.ts'

/** Rules for clients that sign their authorization requests (RFC 9101 §10.5). */
export const SIGNED_REQUEST_RULES: readonly Rule[] = [signedRequestsHaveKeys]

const SIGNING = [
  'request_object_signing_alg',
  'require_signed_request_object',
  'backchannel_authentication_request_signing_alg',
] as const

function signedRequestsHaveKeys(metadata: ClientMetadata): MetadataFault[] {
  const member = SIGNING.find((each) => metadata[each])
  if (!member || metadata.jwks || metadata.jwks_uri) return []
  return fault(member, 'needs the keys that verify the requests: jwks or jwks_uri')
}
