import {
  arrive,
  arriveIfAny,
  arriveLoggedOut,
  type BrowserEntry,
  cancel,
  confirmLogout,
  consent,
  errorPage,
  errorPageIfAny,
  leaveLogout,
  loggedOut,
  login,
  logoutQuestionOrError,
  onAuthorize,
  onLogout,
  type Places,
  seeLogin,
  throughPages,
  wayOn,
} from '../plans/browser.ts'

/** What the suite's browser does in a module, and which modules need something else than the usual. */

export type ScriptName = keyof typeof SCRIPTS

export const SCRIPTS = {
  /** Signs in where asked, allows where asked, and arrives at the client. */
  usual: (at: Places): BrowserEntry[] => [
    onAuthorize(at, [...throughPages(at), arrive(at)]),
    onLogout(at, [confirmLogout(at), leaveLogout(at), arriveLoggedOut(at)]),
  ],
  /** Shows an error page and leads nowhere. */
  errorPage: (at: Places): BrowserEntry[] => [onAuthorize(at, [errorPage(at)])],
  /** An error page or an answer to the client: both are right. */
  either: (at: Places): BrowserEntry[] => [
    onAuthorize(at, [...throughPages(at), errorPageIfAny(at), arriveIfAny(at)]),
  ],
  /** The person says no. */
  cancel: (at: Places): BrowserEntry[] => [onAuthorize(at, [cancel(at), arrive(at)])],
  /** The first visit only looks at the login page; the second goes through. */
  lookFirst: (at: Places): BrowserEntry[] => [
    { ...onAuthorize(at, [seeLogin(at)]), 'match-limit': 1 },
    onAuthorize(at, [...throughPages(at), arrive(at)]),
  ],
  /** What the client says about itself is on the consent page: that is what is photographed. */
  seeConsent: (at: Places): BrowserEntry[] => [
    onAuthorize(at, [
      login(at, { photographed: false }),
      consent(at, { photographed: true }),
      wayOn(at),
      arrive(at),
    ]),
  ],
  /** Logs out and stays at ours: nobody said where to go. */
  logoutStays: (at: Places): BrowserEntry[] => [
    onAuthorize(at, [...throughPages(at), arrive(at)]),
    onLogout(at, [confirmLogout(at), loggedOut(at)]),
  ],
  /** An error page, or the question whether to log out; never the way to the client. */
  logoutRefused: (at: Places): BrowserEntry[] => [
    onAuthorize(at, [...throughPages(at), arrive(at)]),
    onLogout(at, [logoutQuestionOrError(at)]),
  ],
} as const

const OIDC: Readonly<Record<string, ScriptName>> = {
  'oidcc-ensure-registered-redirect-uri': 'errorPage',
  'oidcc-ensure-redirect-uri-in-authorization-request': 'errorPage',
  'oidcc-redirect-uri-query-mismatch': 'errorPage',
  'oidcc-redirect-uri-query-added': 'errorPage',
  'oidcc-response-type-missing': 'either',
  'oidcc-ensure-request-without-nonce-fails': 'either',
  'oidcc-ensure-request-object-with-redirect-uri': 'either',
  'oidcc-registration-policy-uri': 'seeConsent',
  'oidcc-registration-tos-uri': 'seeConsent',
  'oidcc-rp-initiated-logout-no-params': 'logoutStays',
  'oidcc-rp-initiated-logout-no-post-logout-redirect-uri': 'logoutStays',
  'oidcc-rp-initiated-logout-only-state': 'logoutStays',
  'oidcc-rp-initiated-logout-bad-post-logout-redirect-uri': 'logoutRefused',
  'oidcc-rp-initiated-logout-modified-id-token-hint': 'logoutRefused',
  'oidcc-rp-initiated-logout-no-id-token-hint': 'logoutRefused',
  'oidcc-rp-initiated-logout-query-added-to-post-logout-redirect-uri': 'logoutRefused',
  'oidcc-rp-initiated-logout-bad-id-token-hint': 'logoutRefused',
}

/** Those of FAPI 2.0, whose names begin alike in both plans. */
const FAPI2: Readonly<Record<string, ScriptName>> = {
  'user-rejects-authentication': 'cancel',
  'par-ensure-reused-request-uri-prior-to-auth-completion-succeeds': 'lookFirst',
  ...Object.fromEntries(
    [
      'ensure-different-nonce-inside-and-outside-request-object',
      'ensure-different-state-inside-and-outside-request-object',
      'ensure-authorization-request-with-long-nonce',
      'ensure-authorization-request-with-long-state',
      'state-only-outside-request-object-not-used',
      'ensure-request-object-without-redirect-uri-fails',
      'ensure-request-object-without-exp-fails',
      'ensure-request-object-without-nbf-fails',
      'ensure-expired-request-object-fails',
      'ensure-request-object-with-bad-aud-fails',
      'ensure-request-object-with-exp-over-60-fails',
      'ensure-request-object-with-nbf-over-60-fails',
      'ensure-signed-request-object-with-RS256-fails',
      'ensure-request-object-signature-algorithm-is-not-none',
      'ensure-request-object-with-invalid-signature-fails',
      'ensure-matching-key-in-authorization-request',
      'ensure-unsigned-request-at-par-endpoint-fails',
      'plain-fapi-tolerate-unregistered-redirect-uri',
      'ensure-unsigned-authorization-request-without-using-par-fails',
      'ensure-redirect-uri-in-authorization-request',
      'ensure-response-type-code-idtoken-fails',
      'ensure-response-type-token-fails',
      'par-attempt-reuse-request_uri',
      'par-attempt-to-use-expired-request_uri',
      'par-attempt-to-use-request_uri-for-different-client',
      'par-ensure-pkce-required',
      'par-plain-pkce-rejected',
    ].map((name) => [name, 'either'] as const),
  ),
}

const FAPI2_PREFIX = 'fapi2-security-profile-final-'

/** The modules with a script of their own. */
export const MODULE_SCRIPTS: Readonly<Record<string, ScriptName>> = {
  ...OIDC,
  ...Object.fromEntries(
    Object.entries(FAPI2).map(([name, script]) => [`${FAPI2_PREFIX}${name}`, script]),
  ),
}
