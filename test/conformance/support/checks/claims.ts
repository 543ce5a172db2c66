import { expect } from 'chai'
import { CLAIMS_BY_SCOPE } from '../../../../src/surfaces/oidc/claims.ts'

/** OpenID Connect Core §5.1: what each claim is; all others are strings. */
const TYPES: Record<string, string> = {
  email_verified: 'boolean',
  phone_number_verified: 'boolean',
  updated_at: 'number',
  address: 'object',
}

export const STANDARD_CLAIMS: readonly string[] = ['profile', 'email', 'address', 'phone'].flatMap(
  (scope) => claimsOfScope(scope),
)

export function claimsOfScope(scope: string): readonly string[] {
  return (CLAIMS_BY_SCOPE as Record<string, readonly string[] | null>)[scope] ?? []
}

export function checkClaimTypes(claims: Record<string, unknown>): void {
  for (const name of STANDARD_CLAIMS) {
    if (!(name in claims)) continue
    expect(claims[name], name)
      .to.be.a(TYPES[name] ?? 'string')
      .and.not.equal('')
  }
  if ('updated_at' in claims) expect(claims['updated_at']).to.be.below(10_000_000_000)
  for (const member of Object.values((claims['address'] ?? {}) as object)) {
    expect(member, 'member of address').to.be.a('string')
  }
  const sources = Object.keys((claims['_claim_sources'] ?? {}) as object)
  for (const source of Object.values((claims['_claim_names'] ?? {}) as Record<string, string>)) {
    expect(sources).to.include(source)
  }
}

/** OpenID Connect Core §2: at most 255 ASCII characters. */
export function checkSub(sub: unknown): void {
  expect(sub)
    .to.be.a('string')
    .and.match(/^[\x20-\x7e]{1,255}$/)
}
