import type { Ending } from './support/outcome.ts'

/**
 * Modules that end otherwise than with PASSED, and why that stands. A module that ends better than it
 * says here fails too, so that no row outlives its reason.
 */
type Row = { plans: RegExp; modules: RegExp; ends: Ending; why: string }

export const ENDINGS: readonly Row[] = [
  {
    plans: /^oidcc-/,
    modules: /^oidcc-(prompt-login|max-age-1)$/,
    ends: 'review',
    why: 'a human looks at the second login page',
  },
  {
    plans: /^oidcc-/,
    modules: /^oidcc-ensure-registered-redirect-uri$/,
    ends: 'review',
    why: 'an address that is not registered gets a page and no redirect (RFC 6749 §4.1.2.1)',
  },
  {
    plans: /^oidcc-(?!dynamic)/,
    modules: /^oidcc-(idtoken-(signature|unsigned)|request-uri-unsigned-supported-.*)$/,
    ends: 'skipped',
    why: 'for clients that register themselves; those of this plan are registered by an operator',
  },
  {
    plans: /^oidcc-/,
    modules: /^oidcc-(unsigned-request-object-.*|ensure-request-object-with-redirect-uri)$/,
    ends: 'skipped',
    why: 'request objects of alg none are not offered (RFC 9101 §10.2); they are refused instead',
  },
  {
    plans: /^oidcc-rp-initiated-logout$/,
    modules: /-(bad-.*|modified-.*|no-id-token-hint|no-params|no-post-.*|only-state|query-.*)$/,
    ends: 'review',
    why: 'a human looks at the page that ends the logout or refuses it',
  },
  {
    plans: /^oidcc-dynamic$/,
    modules:
      /^oidcc-(registration-(logo|policy|tos)-uri|redirect-uri-query-(mismatch|added)|ensure-redirect-uri-in-.*)$/,
    ends: 'review',
    why: 'a human looks at the page',
  },
  {
    plans: /^oidcc-dynamic$/,
    modules: /^oidcc-(idtoken-unsigned|request-uri-unsigned)$/,
    ends: 'skipped',
    why: 'nothing that is not signed is given or taken (RFC 8725 §3.2)',
  },
  {
    plans: /^fapi2-/,
    modules: /-par-attempt-(reuse-request_uri|to-use-.*)$/,
    ends: 'review',
    why: 'a request_uri that is gone or of another client leaves nobody to redirect to',
  },
  {
    plans: /^fapi2-.*plain_oauth/,
    modules:
      /-(test-claims-parameter-identity-claims|ensure-authorization-request-with-long-nonce)$/,
    ends: 'skipped',
    why: 'claims and nonces belong to OpenID Connect',
  },
  {
    plans: /^fapi2-.*plain_oauth/,
    modules: /-dpop-negative-tests$/,
    ends: 'skipped',
    why: 'the API is of an application; in the other variant UserInfo answers the same probes',
  },
  {
    plans: /^fapi2-.*plain_oauth/,
    modules: /-attempt-reuse-authorization-code-after-one-second$/,
    ends: 'warning',
    why: 'an API that verifies JWTs by itself learns of a revocation when it asks, or after minutes',
  },
]

export function endingOf(plan: string, module: string): { ends: Ending; why: string } {
  const row = ENDINGS.find(({ plans, modules }) => plans.test(plan) && modules.test(module))
  return row ?? { ends: 'passed', why: '' }
}
