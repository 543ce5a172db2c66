import { type JWTPayload, SignJWT } from 'jose'
import { randomToken, sha256 } from '../../src/core/secrets.ts'
import { type AuthCore, CALLBACK } from '../support/authcore.ts'
import type { ProofChanges, SigningParty } from './driver.ts'

/** The code_verifier of every request object that a test does not give another challenge. */
export const VERIFIER = 'a-code-verifier-of-the-tests-that-is-long-enough'
const CHALLENGE = sha256(VERIFIER).toString('base64url')

/** An authorization request as a signed object (RFC 9101); `changes` replace what it says. */
export async function requestObject(
  { issuer }: AuthCore,
  clientId: string,
  party: SigningParty,
  { header, claims, key = party.privateKey }: ProofChanges = {},
): Promise<string> {
  const now = Math.floor(Date.now() / 1000)
  const payload = {
    iss: clientId,
    aud: issuer,
    client_id: clientId,
    nbf: now,
    iat: now,
    exp: now + 300,
    jti: randomToken(),
    response_type: 'code',
    redirect_uri: CALLBACK,
    scope: 'openid',
    state: 'state in the object',
    code_challenge: CHALLENGE,
    code_challenge_method: 'S256',
    ...claims,
  }
  const kept = Object.entries(payload).filter(([, value]) => value !== undefined)
  return await new SignJWT(Object.fromEntries(kept) as JWTPayload)
    .setProtectedHeader({ alg: party.alg, typ: 'oauth-authz-req+jwt', ...header } as {
      alg: string
    })
    .sign(key)
}

/** The key of a client as it registers it. */
export function jwksOf(...parties: SigningParty[]) {
  return { keys: parties.map(({ jwk, alg }) => ({ ...jwk, alg, use: 'sig' })) }
}
