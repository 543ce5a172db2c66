import * as oidc from 'openid-client'

/** OpenID Connect RP-Initiated Logout 1.0, where we are the relying party. */

export type UpstreamLogout = {
  /** `logoutHint` of the authentication: the ID token that began the session there. */
  idTokenHint?: string | undefined
  /** Registered at the provider. */
  postLogoutRedirectUri?: string | undefined
  state?: string | undefined
}

/** @returns where to send the browser; undefined where the provider has no end_session_endpoint */
export function endSessionUri(
  configuration: oidc.Configuration,
  { idTokenHint, postLogoutRedirectUri, state }: UpstreamLogout,
): string | undefined {
  if (!configuration.serverMetadata().end_session_endpoint) return undefined
  return oidc.buildEndSessionUrl(configuration, {
    ...(idTokenHint ? { id_token_hint: idTokenHint } : {}),
    ...(postLogoutRedirectUri ? { post_logout_redirect_uri: postLogoutRedirectUri } : {}),
    ...(state ? { state } : {}),
  }).href
}
