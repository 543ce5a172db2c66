import type { ClientMetadata } from './client_metadata.ts'
import { fault, type MetadataFault, type Rule } from './metadata_fault.ts'

/** Rules for clients that get what we issue encrypted (RFC 7516), and for the keys that it takes. */
export const ENCRYPTION_RULES: readonly Rule[] = [
  algAndEncGoTogether,
  encryptionHasKey,
  encryptedUserinfoIsSigned,
  assertionsHaveKey,
]

const ENCRYPTED = ['id_token', 'userinfo', 'introspection', 'authorization'] as const
type Encrypted = (typeof ENCRYPTED)[number]

const algOf = (what: Encrypted) => `${what}_encrypted_response_alg` as const
const encOf = (what: Encrypted) => `${what}_encrypted_response_enc` as const

function algAndEncGoTogether(metadata: ClientMetadata): MetadataFault[] {
  return ENCRYPTED.flatMap((what) => {
    const [alg, enc] = [algOf(what), encOf(what)]
    if (metadata[alg] && !metadata[enc]) {
      // OpenID Connect Registration §2 would have A128CBC-HS256 where nothing is said.
      return fault(enc, `must be given beside ${alg}: what is its default elsewhere is not offered`)
    }
    return metadata[enc] && !metadata[alg] ? fault(enc, `needs ${alg}`) : []
  })
}

function encryptionHasKey(metadata: ClientMetadata): MetadataFault[] {
  const { jwks, jwks_uri } = metadata
  return ENCRYPTED.flatMap((what) => {
    const alg = metadata[algOf(what)]
    if (!alg || jwks_uri) return []
    if (!jwks) return fault(algOf(what), 'needs a key to encrypt to: jwks or jwks_uri')
    return jwks.keys.some((jwk) => fits(jwk, alg))
      ? []
      : fault('jwks', `must hold a key with the use enc for ${alg}`)
  })
}

function fits(jwk: Record<string, unknown>, alg: string): boolean {
  const kinds = alg.startsWith('RSA') ? ['RSA'] : ['EC', 'OKP']
  const { kty, use, alg: only = alg } = jwk
  return kinds.includes(String(kty)) && use === 'enc' && only === alg
}

/** RFC 7519 §11.2: who can encrypt is anybody; the signature says that it was us. */
function encryptedUserinfoIsSigned(metadata: ClientMetadata): MetadataFault[] {
  return metadata.userinfo_encrypted_response_alg && !metadata.userinfo_signed_response_alg
    ? fault('userinfo_signed_response_alg', 'must be given for UserInfo that is encrypted')
    : []
}

function assertionsHaveKey({ jwks, token_endpoint_auth_method }: ClientMetadata): MetadataFault[] {
  return token_endpoint_auth_method === 'private_key_jwt' &&
    jwks?.keys.every(({ use }) => use === 'enc')
    ? fault('jwks', 'must hold a key for signatures for private_key_jwt')
    : []
}
