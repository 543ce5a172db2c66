import { createLocalJWKSet, type JSONWebKeySet, type JWTPayload, jwtVerify } from 'jose'

/**
 * JWTs that we signed and somebody brings back. Verified here are signature, issuer, time and kind;
 * whether what stands behind one still stands is for the caller to ask.
 */

/** RFC 8693 §4.1: who acts, and through whom it came to that. */
export type Actor = { sub: string; act?: Actor }

type SignIn = { acr?: string; amr?: string[]; auth_time?: number }

export type AccessTokenClaims = JWTPayload &
  SignIn & {
    client_id?: string
    scope?: string
    /** The keyed hash of the grant, base64url; missing where the client acts for itself. */
    gid?: string
    cnf?: Record<string, unknown>
    authorization_details?: unknown[]
    act?: Actor
    may_act?: Record<string, unknown>
  }

export type IdTokenClaims = JWTPayload & SignIn & { sub: string; aud: string; exp: number }

export type OwnTokens = {
  verifyAccessToken(token: string): Promise<AccessTokenClaims | undefined>
  verifyIdToken(token: string): Promise<IdTokenClaims | undefined>
}

export function createOwnTokens(options: { issuer: string; publicKeys: JSONWebKeySet }): OwnTokens {
  const { issuer } = options
  const keys = createLocalJWKSet(options.publicKeys)
  return {
    async verifyAccessToken(token) {
      const verified = await jwtVerify(token, keys, { issuer, typ: 'at+jwt' }).catch(
        () => undefined,
      )
      return verified?.payload as AccessTokenClaims | undefined
    },
    async verifyIdToken(token) {
      const requiredClaims = ['sub', 'aud', 'exp', 'iat']
      const verified = await jwtVerify(token, keys, { issuer, requiredClaims }).catch(
        () => undefined,
      )
      // Logout tokens, introspections and access tokens say with `typ` that they are none.
      const typed = verified?.protectedHeader.typ
      const isIdToken = (typed === undefined || typed === 'JWT') && !verified?.payload['events']
      return isIdToken ? (verified?.payload as IdTokenClaims | undefined) : undefined
    },
  }
}
