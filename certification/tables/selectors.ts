import { INTERACTION_PATH, PATHS } from '../../src/surfaces/oidc/paths.ts'

/**
 * Where on our pages the suite's scripted browser finds what it presses and fills: the one table of
 * it. Every row is an `id` in `views/` that stays; tests prove each against the live pages. `*` stands
 * for any text in the paths, as in the suite's own patterns.
 */

export const PAGES = {
  authorize: `${PATHS.authorization}*`,
  interaction: `${INTERACTION_PATH}/*`,
  login: `${INTERACTION_PATH}/*/login*`,
  consent: `${INTERACTION_PATH}/*/consent*`,
  logout: `${PATHS.end_session}*`,
} as const

export const SELECTORS = {
  loginForm: 'login-form',
  loginName: 'login',
  loginPassword: 'password',
  loginSubmit: 'sign-in',
  consentForm: 'consent-form',
  consentAllow: 'allow',
  /** The same on the login and the consent page. */
  cancel: 'cancel',
  /** Where a form was accepted, and where an answer leaves as a form: the way on without scripts. */
  goOn: 'continue',
  logoutForm: 'logout-form',
  logoutYes: 'logout',
  error: 'oauth-error',
} as const

/** The mark of the page on which the suite has what it waited for. */
export const SUITE_DONE = 'submission_complete'
