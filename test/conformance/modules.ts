/**
 * The checklist: every module of the OpenID Connect plans of the official conformance suite (5.2.4), by
 * the suite's own names. A plan is a selection of rows; `endings.ts` has the modules that end otherwise
 * than with PASSED. No test file lists modules, so that none can be lost there.
 */

/** P: the server must do it. N: it must refuse. R: the suite may want a human to look at the page. */
export type Kind = 'P' | 'N' | 'P,R' | 'N,R' | 'P/N' | 'P/N,R' | 'manual'

export type ChecklistRow = { name: string; kind: Kind }

/**
 * Name, plans and kind. B Basic, I Implicit, H Hybrid, D Dynamic, C Config, 3P third-party-initiated
 * login, RL RP-Initiated, FL Front-Channel and BL Back-Channel Logout, SM Session Management, which is
 * not offered (docs/SPECS.md says why), so that its rows are in no plan of ours.
 */
const OIDC: readonly [name: string, plans: string, kind: Kind][] = [
  ['oidcc-server', 'B H D I', 'P'],
  ['oidcc-response-type-missing', 'B H I', 'N,R'],
  ['oidcc-idtoken-signature', 'B H I', 'P'],
  ['oidcc-idtoken-unsigned', 'B D', 'P'],
  ['oidcc-userinfo-get', 'B H I', 'P'],
  ['oidcc-userinfo-post-header', 'B H I', 'P'],
  ['oidcc-userinfo-post-body', 'B H I', 'P'],
  ['oidcc-ensure-request-without-nonce-succeeds-for-code-flow', 'B H', 'P'],
  ['oidcc-scope-profile', 'B H I', 'P'],
  ['oidcc-scope-email', 'B H I', 'P'],
  ['oidcc-scope-address', 'B H I', 'P'],
  ['oidcc-scope-phone', 'B H I', 'P'],
  ['oidcc-scope-all', 'B H I', 'P'],
  ['oidcc-alternate-happy-flow', 'B H I', 'P'],
  ['oidcc-display-page', 'B H I', 'P'],
  ['oidcc-display-popup', 'B H I', 'P'],
  ['oidcc-prompt-login', 'B H I', 'P,R'],
  ['oidcc-prompt-none-not-logged-in', 'B H I', 'N'],
  ['oidcc-prompt-none-logged-in', 'B H I', 'P'],
  ['oidcc-max-age-1', 'B H I', 'P,R'],
  ['oidcc-max-age-10000', 'B H I', 'P'],
  ['oidcc-ensure-request-with-unknown-parameter-succeeds', 'B H I', 'P'],
  ['oidcc-id-token-hint', 'B H I', 'P'],
  ['oidcc-login-hint', 'B H I', 'P'],
  ['oidcc-ui-locales', 'B H I', 'P'],
  ['oidcc-claims-locales', 'B H I', 'P'],
  ['oidcc-ensure-request-with-acr-values-succeeds', 'B H I', 'P'],
  ['oidcc-codereuse', 'B H', 'N'],
  ['oidcc-codereuse-30seconds', 'B H', 'N'],
  ['oidcc-ensure-registered-redirect-uri', 'B H I', 'N,R'],
  ['oidcc-ensure-post-request-succeeds', 'B', 'P'],
  ['oidcc-server-client-secret-post', 'B H', 'P'],
  ['oidcc-request-uri-unsigned-supported-correctly-or-rejected-as-unsupported', 'B H I', 'P/N'],
  ['oidcc-unsigned-request-object-supported-correctly-or-rejected-as-unsupported', 'B H I', 'P/N'],
  ['oidcc-claims-essential', 'B H I', 'P'],
  ['oidcc-ensure-request-object-with-redirect-uri', 'B H D I', 'N,R'],
  ['oidcc-refresh-token', 'B H D', 'P/N'],
  ['oidcc-ensure-request-with-valid-pkce-succeeds', 'B H', 'P'],
  ['oidcc-ensure-request-without-nonce-fails', 'H I', 'N,R'],
  ['oidcc-idtoken-rs256', 'D', 'P'],
  ['oidcc-userinfo-rs256', 'D', 'P'],
  ['oidcc-ensure-redirect-uri-in-authorization-request', 'D', 'N,R'],
  ['oidcc-redirect-uri-query-OK', 'D', 'P'],
  ['oidcc-redirect-uri-query-mismatch', 'D', 'N,R'],
  ['oidcc-redirect-uri-query-added', 'D', 'N,R'],
  ['oidcc-redirect-uri-regfrag', 'D', 'N'],
  ['oidcc-discovery-endpoint-verification', 'D C', 'P'],
  ['oidcc-registration-logo-uri', 'D', 'P,R'],
  ['oidcc-registration-policy-uri', 'D', 'P,R'],
  ['oidcc-registration-tos-uri', 'D', 'P,R'],
  ['oidcc-registration-jwks-uri', 'D', 'P'],
  ['oidcc-registration-sector-uri', 'D', 'P'],
  ['oidcc-registration-sector-bad', 'D', 'N'],
  ['oidcc-server-rotate-keys', 'D', 'manual'],
  ['oidcc-refresh-token-rp-key-rotation', 'D', 'P'],
  ['oidcc-request-uri-unsigned', 'D', 'P'],
  ['oidcc-request-uri-signed-rs256', 'D', 'P'],
  ['oidcc-ensure-client-assertion-with-iss-aud-succeeds', 'D', 'P'],
  ['oidcc-3rd_party-init-login', '3P', 'P'],
  ['oidcc-3rd_party-init-login-nohttps', '3P', 'N'],
  ['oidcc-rp-initiated-logout-discovery-endpoint-verification', 'RL', 'P'],
  ['oidcc-rp-initiated-logout', 'RL', 'P'],
  ['oidcc-rp-initiated-logout-bad-post-logout-redirect-uri', 'RL', 'N,R'],
  ['oidcc-rp-initiated-logout-modified-id-token-hint', 'RL', 'N,R'],
  ['oidcc-rp-initiated-logout-no-id-token-hint', 'RL', 'N,R'],
  ['oidcc-rp-initiated-logout-no-params', 'RL', 'P,R'],
  ['oidcc-rp-initiated-logout-no-post-logout-redirect-uri', 'RL', 'P,R'],
  ['oidcc-rp-initiated-logout-no-state', 'RL', 'P'],
  ['oidcc-rp-initiated-logout-only-state', 'RL', 'P,R'],
  ['oidcc-rp-initiated-logout-query-added-to-post-logout-redirect-uri', 'RL', 'N,R'],
  ['oidcc-rp-initiated-logout-bad-id-token-hint', 'RL', 'N,R'],
  ['oidcc-session-management-discovery-endpoint-verification', 'SM', 'P'],
  ['oidcc-session-management-rp-initiated-logout', 'SM', 'P'],
  ['oidcc-frontchannel-logout-discovery-endpoint-verification', 'FL', 'P'],
  ['oidcc-frontchannel-rp-initiated-logout', 'FL', 'P'],
  ['oidcc-backchannel-logout-discovery-endpoint-verification', 'BL', 'P'],
  ['oidcc-backchannel-rp-initiated-logout', 'BL', 'P'],
]

/** OpenID Connect plans, and the letter of their rows. */
const OIDC_PLANS = {
  'oidcc-basic': 'B',
  'oidcc-config': 'C',
  'oidcc-implicit': 'I',
  'oidcc-hybrid': 'H',
  'oidcc-dynamic': 'D',
  'oidcc-formpost-basic': 'B',
  'oidcc-formpost-implicit': 'I',
  'oidcc-formpost-hybrid': 'H',
  'oidcc-3rdparty-init-login': '3P',
  'oidcc-rp-initiated-logout': 'RL',
  'oidcc-frontchannel-rp-initiated-logout': 'FL',
  'oidcc-backchannel-rp-initiated-logout': 'BL',
} as const

export type OidcPlan = keyof typeof OIDC_PLANS

const NONCE_MAY_MISS = 'oidcc-ensure-request-without-nonce-succeeds-for-code-flow'
const NONCE_MUST_NOT_MISS = 'oidcc-ensure-request-without-nonce-fails'
/** The suite asks these of one response type of Hybrid only. */
const ONLY_CODE_ID_TOKEN = [
  'oidcc-response-type-missing',
  'oidcc-alternate-happy-flow',
  'oidcc-ensure-request-with-valid-pkce-succeeds',
]

const WITH_ACCESS_TOKEN = [
  'oidcc-userinfo-get',
  'oidcc-userinfo-post-header',
  'oidcc-userinfo-post-body',
]

/** What the suite does not ask of this response type. */
function leftOut(responseType: string): Set<string> {
  const types = responseType.split(' ')
  const ofNonce = types.includes('id_token') ? NONCE_MAY_MISS : NONCE_MUST_NOT_MISS
  const fewer = types.includes('code') && types.includes('token')
  return new Set([
    ofNonce,
    ...(fewer ? ONLY_CODE_ID_TOKEN : []),
    ...(responseType === 'id_token' ? WITH_ACCESS_TOKEN : []),
  ])
}

export function oidcModules(plan: OidcPlan, responseType = 'code'): ChecklistRow[] {
  const leavesOut = leftOut(responseType)
  return OIDC.filter(([name]) => !leavesOut.has(name))
    .filter(([, plans]) => plans.split(' ').includes(OIDC_PLANS[plan]))
    .map(([name, , kind]) => ({ name, kind }))
}

/** Every name of the checklist, for a test that counts them. */
export const OIDC_NAMES: readonly string[] = OIDC.map(([name]) => name)
