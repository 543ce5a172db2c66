import { createPublicKey } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { exportJWK, generateKeyPair, type JWK } from 'jose'
import { randomToken } from '../../src/core/secrets.ts'
import { type Certificate, makeCertificate } from '../product/certificates.ts'
import type { ClientRow } from '../tables/clients.ts'

/**
 * What the suite proves itself with in the name of a client. Made once and kept below the output
 * folder, because the server stores only what it needs to check them.
 */
export type Credentials = {
  secret?: string
  /** Private: the suite signs with them. */
  jwks?: { keys: JWK[] }
  certificate?: Certificate
}

export type Kept<T> = { value: T; isNew: boolean }

/** @param make called where nothing of this name was kept */
export async function keep<T>(
  folder: string,
  name: string,
  make: () => Promise<T>,
): Promise<Kept<T>> {
  const file = path.join(folder, `${name}.json`)
  if (existsSync(file)) return { value: JSON.parse(readFileSync(file, 'utf8')) as T, isNew: false }
  const value = await make()
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  writeFileSync(file, JSON.stringify(value), { mode: 0o600 })
  return { value, isNew: true }
}

export async function makeCredentials(row: ClientRow, name: string): Promise<Credentials> {
  if (row.proves === 'secret') return { secret: randomToken() }
  const jwks = { keys: [await privateKey(name)] }
  return usesCertificate(row) ? { jwks, certificate: await makeCertificate(name) } : { jwks }
}

/** To authenticate, or to bind tokens to (RFC 8705 §2, §3). */
function usesCertificate({ proves, metadata }: ClientRow): boolean {
  return proves === 'certificate' || metadata['tls_client_certificate_bound_access_tokens'] === true
}

/** RSA, because a module of FAPI 2.0 tries to sign with RS256 what must be PS256. */
async function privateKey(kid: string): Promise<JWK> {
  const { privateKey } = await generateKeyPair('PS256', { extractable: true })
  return { ...(await exportJWK(privateKey)), kid, alg: 'PS256', use: 'sig' }
}

/** What the server is told: the public halves, and the certificate where it is the proof (RFC 8705 §2.2). */
export function publicJwks({ jwks, certificate }: Credentials, proves: ClientRow['proves']) {
  if (!jwks) return undefined
  const keys = jwks.keys.map(({ kty, n, e, kid, alg, use }) => ({ kty, n, e, kid, alg, use }))
  if (proves !== 'certificate' || !certificate) return { keys }
  const x5c = certificate.cert.replace(/-----[^-]+-----|\s/g, '')
  const [key] = keys
  return {
    keys: [...keys, { ...certificateKey(certificate), kid: `${key?.kid}-mtls`, x5c: [x5c] }],
  }
}

function certificateKey({ cert }: Certificate): { kty: string; n: string; e: string } {
  return createPublicKey(cert).export({ format: 'jwk' }) as { kty: string; n: string; e: string }
}
