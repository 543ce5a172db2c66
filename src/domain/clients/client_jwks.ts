import { createPublicKey, type JsonWebKey } from 'node:crypto'

/**
 * The public keys of a client (RFC 7517): asymmetric, of a kind that we verify with
 * or encrypt to, without private parts.
 */

const PRIVATE_MEMBERS = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k']
const CURVES: ReadonlyMap<string, readonly string[]> = new Map<string, readonly string[]>([
  ['RSA', []],
  ['EC', ['P-256', 'P-384', 'P-521']],
  ['OKP', ['Ed25519', 'X25519']],
])
const RSA_MIN_BITS = 2048
const RSA_MAX_BITS = 8192

/** What is wrong with this key, or undefined. */
export function publicJwkFault(jwk: Record<string, unknown>): string | undefined {
  const { kty, crv, kid, use } = jwk
  const curves = CURVES.get(String(kty))
  if (!curves) return 'must be an asymmetric key: kty RSA, EC or OKP'
  if (PRIVATE_MEMBERS.some((member) => member in jwk)) {
    return 'must hold the public part of the key only'
  }
  if (curves.length > 0 && !curves.includes(String(crv))) {
    return `must be on one of the curves ${curves.join(', ')}`
  }
  if (kid !== undefined && (typeof kid !== 'string' || kid === '' || kid.length > 255)) {
    return 'must have a kid of 1 to 255 characters, or none'
  }
  if (use !== undefined && use !== 'sig' && use !== 'enc') return 'must have the use sig or enc'
  if (crv === 'X25519' && use !== 'enc') return 'must have the use enc on the curve X25519'
  if (crv === 'Ed25519' && use === 'enc') return 'cannot have the use enc on the curve Ed25519'
  return keyFault(jwk)
}

function keyFault(jwk: Record<string, unknown>): string | undefined {
  try {
    const key = createPublicKey({ key: jwk as JsonWebKey, format: 'jwk' })
    const bits = key.asymmetricKeyDetails?.modulusLength
    if (bits === undefined || (bits >= RSA_MIN_BITS && bits <= RSA_MAX_BITS)) return undefined
    return `must have ${RSA_MIN_BITS} to ${RSA_MAX_BITS} bits`
  } catch {
    return 'is not a valid key'
  }
}
