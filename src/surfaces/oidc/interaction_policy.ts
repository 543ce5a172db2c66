import { interactionPolicy } from 'oidc-provider'

/**
 * When a person is shown a page during an authorization request. The engine's own checks stand; a
 * page to choose the account goes before them for clients that ask with `prompt=select_account`
 * (OpenID Connect Core §3.1.2.1).
 */
export function createInteractionPolicy() {
  const policy = interactionPolicy.base()
  policy.add(new interactionPolicy.Prompt({ name: 'select_account', requestable: true }), 0)
  return policy
}
