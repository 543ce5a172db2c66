import type { Client, KoaContextWithOIDC } from 'oidc-provider'

/**
 * From which pages a script may read our answers: a client in the browser, from the origins that it
 * takes its codes at; at UserInfo every client, for its token is all that is asked for there.
 */
export function isOriginOfClient(
  { oidc }: KoaContextWithOIDC,
  origin: string,
  client: Client,
): boolean {
  if (oidc.route !== 'userinfo' && client.clientAuthMethod !== 'none') return false
  return (client.redirectUris ?? []).some((uri) => {
    const own = URL.parse(uri)?.origin
    // A private scheme has the origin null, and so has every page of no origin at all.
    return own !== 'null' && own === origin
  })
}
