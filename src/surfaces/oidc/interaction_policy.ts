import { errors, interactionPolicy, type KoaContextWithOIDC } from 'oidc-provider'
import { ACR_VALUES } from '../../domain/authentication/assurance.ts'

/**
 * When a person is shown a page during an authorization request. The engine's own checks stand; a
 * page to choose the account goes before them for clients that ask with `prompt=select_account`
 * (OpenID Connect Core §3.1.2.1), and two checks of ours stand beside them.
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
      'acr_out_of_reach',
      'none of the requested ACRs could be obtained',
      'unmet_authentication_requirements',
      assertAcrWithinReach,
    ),
  )
  return policy
}

/** The session is there, but its account was disabled or deleted. */
function isAccountGone({ oidc }: KoaContextWithOIDC): boolean {
  return oidc.session?.accountId !== undefined && oidc.account === undefined
}

/**
 * OpenID Connect Core §5.5.1.1: an essential `acr` that cannot be had is a failed sign-in. Without
 * this the engine would ask for the password again and again.
 *
 * @throws UnmetAuthenticationRequirements
 */
function assertAcrWithinReach({ oidc }: KoaContextWithOIDC): boolean {
  const { acr } = (oidc.claims.id_token ?? {}) as { acr?: AcrRequest | null }
  if (!acr?.essential) return false
  const wanted = [acr.value ?? acr.values ?? []].flat()
  const reachable = oidc.result?.login ? [oidc.acr] : ACR_VALUES
  if (wanted.length > 0 && !wanted.some((value) => reachable.includes(value))) {
    throw new errors.UnmetAuthenticationRequirements('none of the requested ACRs can be obtained')
  }
  return false
}

type AcrRequest = { essential?: boolean; value?: string; values?: string[] }
