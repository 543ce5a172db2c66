import type { Actor } from '../own_tokens.ts'

/** What a grant of ours has to say in a token besides what the engine and `extra_claims.ts` say. */
export type TokenClaims = {
  gid?: string
  act?: Actor
  may_act?: Record<string, unknown>
  acr?: string
  amr?: string[]
  auth_time?: number
}

const claimsByToken = new WeakMap<object, TokenClaims>()

/** Before the token is saved. */
export function setTokenClaims(token: object, claims: TokenClaims): void {
  claimsByToken.set(token, claims)
}

export function tokenClaimsOf(token: object): TokenClaims | undefined {
  return claimsByToken.get(token)
}
