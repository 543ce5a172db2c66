import { generateKeyPair as generateKeyPairCallback } from 'node:crypto'
import { promisify } from 'node:util'
import { calculateJwkThumbprint, type JWK } from 'jose'

/**
 * A signing key and its life: `next` is published and waits, `current` signs, `previous` verifies
 * what it signed, `retired` is gone from /jwks. One key per algorithm signs at a time.
 */

const generateKeyPair = promisify(generateKeyPairCallback)

export const SIGNING_ALGORITHMS = ['ES256', 'RS256', 'EdDSA'] as const
export type SigningAlgorithm = (typeof SIGNING_ALGORITHMS)[number]
export type SigningKeyState = 'next' | 'current' | 'previous' | 'retired'

export type SigningKeyInfo = {
  kid: string
  algorithm: SigningAlgorithm
  state: SigningKeyState
  createdAt: Date
  /** When the key entered its state. */
  stateSince: Date
}

export type SigningKey = SigningKeyInfo & { publicJwk: JWK; privateJwk: JWK }

/**
 * A new key pair as JWKs; `kid` is the RFC 7638 thumbprint. RSA keys have 2048 bits. A thumbprint that
 * begins with a dash is drawn again: on a command line it would pass for an option.
 */
export async function generateSigningJwks(
  algorithm: SigningAlgorithm,
): Promise<{ kid: string; publicJwk: JWK; privateJwk: JWK }> {
  const { publicKey, privateKey } = await keyPairFor(algorithm)
  const publicJwk = publicKey.export({ format: 'jwk' }) as JWK
  const kid = await calculateJwkThumbprint(publicJwk)
  if (kid.startsWith('-')) return generateSigningJwks(algorithm)
  const common = { kid, alg: algorithm, use: 'sig' }
  return {
    kid,
    publicJwk: { ...publicJwk, ...common },
    privateJwk: { ...(privateKey.export({ format: 'jwk' }) as JWK), ...common },
  }
}

function keyPairFor(algorithm: SigningAlgorithm) {
  switch (algorithm) {
    case 'ES256':
      return generateKeyPair('ec', { namedCurve: 'P-256' })
    case 'RS256':
      return generateKeyPair('rsa', { modulusLength: 2048 })
    case 'EdDSA':
      return generateKeyPair('ed25519')
  }
}
