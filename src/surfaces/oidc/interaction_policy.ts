import { errors, interactionPolicy, type KoaContextWithOIDC } from 'oidc-provider'
import { lacksAcceptance, type Terms } from '../../domain/authentication/terms.ts'
import type { Db } from '../../platform/persistence/db.ts'
import type { KnownAccount } from './find_account.ts'
import { isOwnClient } from './own_client.ts'
import { needsStepUp, reportRequestedAcr } from './step_up.ts'

/**
 * When a person is shown a page during an authorization request. The engine's own checks stand; a
 * page to choose the account goes before them for clients that ask with `prompt=select_account`
 * (OpenID Connect Core §3.1.2.1), and checks of ours stand beside them.
 */
export function createInteractionPolicy({ db, terms }: { db: Db; terms: Terms | undefined }) {
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
  checks.add(
    new interactionPolicy.Check('acr_reported', 'the requested ACR is the one reported', (ctx) => {
      reportRequestedAcr(ctx)
      return false
    }),
  )
  // Ours judges the same and more.
  checks.remove('essential_acr')
  checks.remove('essential_acrs')
  const { checks: consentChecks } = policy.get('consent')!
  consentChecks.remove('rar_prompt')
  // The first one that holds names the error: nobody consents to anything before the terms.
  consentChecks.add(
    new interactionPolicy.Check(
      'terms_not_accepted',
      'the End-User has yet to accept the terms',
      'interaction_required',
      ({ oidc }) => lacksAcceptance(db, terms, oidc.session?.accountId),
    ),
    0,
  )
  consentChecks.add(
    new interactionPolicy.Check(
      'profile_incomplete',
      'the End-User has yet to complete the profile',
      'interaction_required',
      lacksProfile,
    ),
    1,
  )
  consentChecks.add(
    new interactionPolicy.Check(
      'details_asked',
      'authorization_details were requested',
      'consent_required',
      areDetailsUnanswered,
    ),
  )
  checks.add(
    new interactionPolicy.Check(
      'redirect_uri_gone',
      'redirect_uri is no longer one of the client',
      assertRedirectUriStands,
    ),
  )
  policy
    .get('consent')!
    .checks.add(
      new interactionPolicy.Check(
        'document_client_prompt',
        'clients of a metadata document ask each time',
        'consent_required',
        asksForDocumentClient,
      ),
    )
  return policy
}

/** On the way to the account pages nobody is asked: what is missing is filled in there. */
function lacksProfile({ oidc }: KoaContextWithOIDC): boolean {
  if (isOwnClient(oidc.client?.clientId)) return false
  return (oidc.account as KnownAccount | undefined)?.lacksProfile() === true
}

/** What was allowed to a client_id that is an address was allowed to what stood there at that time. */
function asksForDocumentClient({ oidc }: KoaContextWithOIDC): boolean {
  return oidc.client?.['origin'] === 'document' && oidc.result?.consent === undefined
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

/**
 * The engine looks at redirect_uri when a request comes in, and not when it goes on after its pages;
 * meanwhile the client may have lost that address.
 *
 * @throws InvalidRedirectUri
 */
function assertRedirectUriStands({ oidc }: KoaContextWithOIDC): boolean {
  const redirectUri = oidc.params?.['redirect_uri'] as string | undefined
  if (redirectUri !== undefined && !oidc.client!.redirectUriAllowed(redirectUri)) {
    throw new errors.InvalidRedirectUri()
  }
  return false
}

/** The session is there, but its account was disabled or deleted. */
function isAccountGone({ oidc }: KoaContextWithOIDC): boolean {
  return oidc.session?.accountId !== undefined && oidc.account === undefined
}
