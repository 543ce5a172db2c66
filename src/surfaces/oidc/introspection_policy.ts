import type { Client } from 'oidc-provider'

/**
 * Whose tokens a client may look at (RFC 7662 §2.1, §4): its own always; every one, where it is
 * registered with `introspection: any` as the guard of APIs; a public client, which proves nothing
 * about itself, none at all.
 */
export function mayIntrospect(
  client: Client,
  token: { clientId: string | undefined; aud: string | undefined },
): boolean {
  if (client.clientAuthMethod === 'none') return false
  return client['introspection'] === 'any' || token.clientId === client.clientId
}
