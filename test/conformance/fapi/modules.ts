import type { ChecklistRow, Kind } from '../modules.ts'

/** The checklist of FAPI 2.0 Security Profile Final and Message Signing Final, as the suite has it. */

/** Name without its prefix, plans (SP Security Profile, MS Message Signing), kind, variants needed. */
const FAPI: readonly [name: string, plans: string, kind: Kind, variants?: string][] = [
  ['discovery-end-point-verification', 'SP MS', 'P'],
  ['happy-flow', 'SP MS', 'P'],
  ['user-rejects-authentication', 'SP MS', 'N'],
  ['ensure-request-object-with-multiple-aud-succeeds', 'MS', 'P'],
  ['ensure-authorization-request-without-state-success', 'SP MS', 'P'],
  ['ensure-authorization-request-without-nonce-success', 'SP MS', 'P', 'openid_connect'],
  ['ensure-authorization-request-with-64-char-nonce-success', 'SP MS', 'P', 'openid_connect'],
  ['ensure-other-scope-order-succeeds', 'SP MS', 'P', 'openid_connect'],
  ['test-claims-parameter-identity-claims', 'SP MS', 'P'],
  ['access-token-type-header-case-sensitivity', 'SP MS', 'P'],
  ['ensure-request-object-with-nbf-8-seconds-in-the-future-is-accepted', 'MS', 'P'],
  ['check-dpop-proof-nbf-exp', 'SP MS', 'P', 'dpop'],
  ['ensure-dpopproof-with-iat-10seconds-before-succeeds', 'SP MS', 'P', 'dpop'],
  ['ensure-dpopproof-with-iat-10seconds-after-succeeds', 'SP MS', 'P', 'dpop'],
  ['ensure-mismatched-dpop-jkt-fails', 'SP MS', 'N', 'dpop'],
  ['ensure-token-endpoint-fails-with-mismatched-dpop-proof-jkt', 'SP MS', 'N', 'dpop'],
  ['ensure-token-endpoint-fails-with-mismatched-dpop-jkt', 'SP MS', 'N', 'dpop'],
  ['ensure-dpopproof-at-par-endpoint-binding-success', 'SP MS', 'P', 'dpop'],
  ['ensure-dpop-auth-code-binding-success', 'SP MS', 'P', 'dpop'],
  ['ensure-different-nonce-inside-and-outside-request-object', 'SP MS', 'N,R'],
  ['ensure-different-state-inside-and-outside-request-object', 'SP MS', 'N,R'],
  ['ensure-authorization-request-with-long-nonce', 'SP MS', 'P/N,R'],
  ['ensure-authorization-request-with-long-state', 'SP MS', 'P/N,R'],
  ['ensure-request-object-without-exp-fails', 'MS', 'N,R'],
  ['ensure-request-object-without-nbf-fails', 'MS', 'N,R'],
  ['state-only-outside-request-object-not-used', 'SP MS', 'P'],
  ['ensure-request-object-without-redirect-uri-fails', 'SP MS', 'N,R'],
  ['ensure-expired-request-object-fails', 'MS', 'N,R'],
  ['ensure-request-object-with-bad-aud-fails', 'MS', 'N,R'],
  ['ensure-request-object-with-exp-over-60-fails', 'MS', 'N,R'],
  ['ensure-request-object-with-nbf-over-60-fails', 'MS', 'N,R'],
  ['ensure-signed-request-object-with-RS256-fails', 'MS', 'N,R'],
  ['ensure-request-object-signature-algorithm-is-not-none', 'MS', 'N,R'],
  ['ensure-request-object-with-invalid-signature-fails', 'MS', 'N,R'],
  ['ensure-matching-key-in-authorization-request', 'MS', 'N,R'],
  ['ensure-unsigned-request-at-par-endpoint-fails', 'MS', 'N,R'],
  ['plain-fapi-tolerate-unregistered-redirect-uri', 'SP MS', 'N,R'],
  ['ensure-unsigned-authorization-request-without-using-par-fails', 'SP MS', 'N,R'],
  ['ensure-redirect-uri-in-authorization-request', 'SP MS', 'N,R'],
  ['ensure-response-type-code-idtoken-fails', 'SP MS', 'N,R'],
  ['ensure-response-type-token-fails', 'SP MS', 'N,R'],
  ['ensure-client-id-in-token-endpoint', 'SP MS', 'N'],
  ['ensure-holder-of-key-required', 'SP MS', 'N'],
  ['ensure-authorization-code-is-bound-to-client', 'SP MS', 'N'],
  ['attempt-reuse-authorization-code-after-one-second', 'SP MS', 'N'],
  ['ensure-token-endpoint-fails-with-expired-auth-code', 'SP MS', 'N'],
  ['ensure-signed-client-assertion-with-RS256-fails', 'SP MS', 'N', 'private_key_jwt'],
  ['ensure-client-assertion-in-token-endpoint', 'SP MS', 'N', 'private_key_jwt'],
  ['ensure-client-assertion-with-exp-is-5-minutes-in-past-fails', 'SP MS', 'N', 'private_key_jwt'],
  ['ensure-client-assertion-with-wrong-aud-fails', 'SP MS', 'N', 'private_key_jwt'],
  ['ensure-client-assertion-with-no-sub-fails', 'SP MS', 'N', 'private_key_jwt'],
  ['dpop-negative-tests', 'SP MS', 'N', 'dpop'],
  ['refresh-token', 'SP MS', 'P/N'],
  ['par-ensure-reused-request-uri-prior-to-auth-completion-succeeds', 'SP MS', 'P,R'],
  ['par-attempt-reuse-request_uri', 'SP MS', 'N,R'],
  ['par-attempt-to-use-expired-request_uri', 'SP MS', 'N,R'],
  [
    'par-ensure-jwt-client-assertions-nbf-8-seconds-in-the-future-is-accepted',
    'SP MS',
    'P',
    'private_key_jwt',
  ],
  [
    'par-ensure-jwt-client-assertions-nbf-over-60-seconds-in-the-future-fails',
    'SP MS',
    'N',
    'private_key_jwt',
  ],
  ['par-attempt-to-use-request_uri-for-different-client', 'SP MS', 'N,R'],
  ['par-authorization-request-containing-request_uri-form-param', 'SP MS', 'N'],
  ['par-attempt-invalid-http-method', 'SP MS', 'N'],
  ['par-ensure-pkce-required', 'SP MS', 'N,R'],
  ['ensure-pkce-code-verifier-required', 'SP MS', 'N'],
  ['incorrect-pkce-code-verifier-rejected', 'SP MS', 'N'],
  ['par-plain-pkce-rejected', 'SP MS', 'N,R'],
  ['par-authorization-request-containing-request_uri', 'MS', 'N'],
  ['par-without-duplicate-parameters', 'SP MS', 'P'],
  ['par-test-array-as-audience-fails', 'SP MS', 'N', 'private_key_jwt'],
  ['par-test-par-endpoint-url-as-audience-fails', 'SP MS', 'N', 'private_key_jwt'],
  ['par-test-token-endpoint-url-as-audience-fails', 'SP MS', 'N', 'private_key_jwt'],
]

export const FAPI_PREFIX = 'fapi2-security-profile-final-'

export type FapiVariant = {
  auth: 'private_key_jwt' | 'mtls'
  constrain: 'dpop' | 'mtls'
  openid: 'openid_connect' | 'plain_oauth'
}

export function fapiModules(plan: 'SP' | 'MS', variant: FapiVariant): ChecklistRow[] {
  const has = new Set<string>([variant.auth, variant.constrain, variant.openid])
  return FAPI.filter(([, plans]) => plans.split(' ').includes(plan))
    .filter(([, , , needs]) => needs === undefined || has.has(needs))
    .map(([name, , kind]) => ({ name: FAPI_PREFIX + name, kind }))
}

/** Every name of the checklist, for a test that counts them. */
export const FAPI_NAMES: readonly string[] = FAPI.map(([name]) => FAPI_PREFIX + name)
