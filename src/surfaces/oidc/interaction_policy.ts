import { interactionPolicy, type KoaContextWithOIDC } from 'oidc-provider'
import { needsStepUp } from './step_up.ts'

/**
 * When a person is shown a page during an authorization request. The engine's own checks stand; a
 * page to choose the account goes before them for clients that ask with `prompt=select_account`
 * (OpenID Connect Core §3.1.2.1), and checks of ours stand beside them.
 */
export function createInteractionPolicy() {
  const policy = interactionPolicy.base()
  policy.add(new interactionPolicy.Prompt({ name: 'select_account', requestable: true }), 0)
  const { checks } = policy.get('login')!
  checks.add(
    new interactionPolicy.Check(
      'account_gone',
      'End-User authentication is required',
      'login_required',
      isAccountGone,
    ),
  )
  checks.add(
    new interactionPolicy.Check(
      'step_up',
      'none of the requested ACRs could be obtained',
      'unmet_authentication_requirements',
      needsStepUp,
    ),
  )
  // Ours judges the same and more.
  checks.remove('essential_acr')
  checks.remove('essential_acrs')
  const { checks: consentChecks } = policy.get('consent')!
  consentChecks.remove('rar_prompt')
  consentChecks.add(
    new interactionPolicy.Check(
      'details_asked',
      'authorization_details were requested',
      'consent_required',
      areDetailsUnanswered,
    ),
  )
  return policy
}

/**
 * RFC 9396: details are asked about in each request, and answered in its own pages. The grant that the
 * answer made stands for this account, or the answer was somebody else's.
 */
function areDetailsUnanswered({ oidc }: KoaContextWithOIDC): boolean {
  if (oidc.params?.['authorization_details'] === undefined) return false
  if (oidc.client?.['first_party'] === true) return false
  const answered = oidc.result?.consent?.grantId
  return answered === undefined || answered !== oidc.grant?.jti
}

/** The session is there, but its account was disabled or deleted. */
function isAccountGone({ oidc }: KoaContextWithOIDC): boolean {
  return oidc.session?.accountId !== undefined && oidc.account === undefined
}
