import { createPrivateKey, type JsonWebKey, type KeyObject } from 'node:crypto'
import * as oidc from 'openid-client'
import { DomainError } from '../../../core/errors.ts'
import { parsedJson } from '../../../core/unknown.ts'
import type { ClientAuthentication } from './oidc_settings.ts'

/** How we show the provider who we are, at its token endpoint (OpenID Connect Core §9). */

const CURVES: Readonly<Record<string, string>> = {
  prime256v1: 'P-256',
  secp384r1: 'P-384',
  secp521r1: 'P-521',
}

/** RFC 7518 §3.3: a key of 2048 bits or larger. */
const MIN_RSA_BITS = 2048

function unusable(name: string, hint: string): DomainError {
  return new DomainError('invalid_input', `the secret ${name} is no private key that signs`, {
    hint,
  })
}

/**
 * Reads a private key in PEM (PKCS #8, PKCS #1, SEC 1) or as a JWK.
 *
 * @throws DomainError `invalid_input`, without a word of the key
 */
export function readPrivateKey(name: string, text: string): KeyObject {
  const jwk = parsedJson(text)
  try {
    return typeof jwk === 'object' && jwk !== null
      ? createPrivateKey({ key: jwk as JsonWebKey, format: 'jwk' })
      : createPrivateKey(text)
  } catch {
    throw unusable(name, 'give it in PEM or as a JWK, with its private part and not encrypted')
  }
}

function algorithmOf(name: string, key: KeyObject) {
  const { asymmetricKeyType: type, asymmetricKeyDetails: details } = key
  const namedCurve = CURVES[details?.namedCurve ?? '']
  if (type === 'ec' && namedCurve) return { name: 'ECDSA', namedCurve }
  if (type === 'ed25519') return { name: 'Ed25519' }
  if (type === 'rsa' && (details?.modulusLength ?? 0) >= MIN_RSA_BITS) {
    return { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' }
  }
  throw unusable(name, 'use RSA of 2048 bits or more, P-256, P-384, P-521 or Ed25519')
}

function byPrivateKey(text: string, keyId: string | undefined): oidc.ClientAuth {
  const object = readPrivateKey('private_key', text)
  const key = object.toCryptoKey(algorithmOf('private_key', object), false, ['sign'])
  const kid = keyId ?? kidOf(text)
  return oidc.PrivateKeyJwt(kid ? { key, kid } : key)
}

function kidOf(text: string): string | undefined {
  const { kid } = (parsedJson(text) ?? {}) as { kid?: unknown }
  return typeof kid === 'string' ? kid : undefined
}

/**
 * A secret that has to be there.
 *
 * @throws DomainError `invalid_input` where it is not
 */
export function requiredSecret(secrets: Readonly<Record<string, string>>, name: string): string {
  const secret = secrets[name]
  if (secret) return secret
  throw new DomainError('invalid_input', `the connection needs the secret ${name}`)
}

/** @throws DomainError `invalid_input` where the secret that the method takes is missing or unusable */
export function authenticateClient(
  method: ClientAuthentication,
  secrets: Readonly<Record<string, string>>,
  keyId?: string,
): oidc.ClientAuth {
  switch (method) {
    case 'none':
      return oidc.None()
    case 'private_key_jwt':
      return byPrivateKey(requiredSecret(secrets, 'private_key'), keyId)
    case 'client_secret_post':
      return oidc.ClientSecretPost(requiredSecret(secrets, 'client_secret'))
    case 'client_secret_basic':
      return oidc.ClientSecretBasic(requiredSecret(secrets, 'client_secret'))
  }
}
