import { standardClaims } from '../claims.ts'

/** Names that no attribute may take in a token: whoever reads them there believes what they say. */
const RESERVED: ReadonlySet<string> = new Set([
  ...Object.keys(standardClaims.shape),
  ...['email', 'email_verified', 'preferred_username', 'updated_at', 'sub'],
  // RFC 7519 §4.1, OpenID Connect Core §2, Front-Channel and Back-Channel Logout.
  ...['iss', 'aud', 'exp', 'nbf', 'iat', 'jti', 'auth_time', 'nonce', 'acr', 'amr', 'azp'],
  ...['at_hash', 'c_hash', 's_hash', 'sid', 'events', 'toe', 'txn', 'sub_jwk'],
  // RFC 7662, RFC 7800, RFC 8693, RFC 9396, and aggregated claims (Core §5.6.2).
  ...['active', 'scope', 'client_id', 'cnf', 'act', 'may_act', 'authorization_details', 'gid'],
  ...['_claim_names', '_claim_sources', 'verified_claims'],
  // RFC 9068 §2.2.3.1: what somebody may do is never theirs to write.
  ...['roles', 'groups', 'entitlements', 'permissions'],
])

export function isReservedClaim(name: string): boolean {
  return RESERVED.has(name)
}
