/** The scopes of the authorization server itself (OpenID Connect Core §5.4, §11); all others are of an API. */
export const OPENID_SCOPES: ReadonlySet<string> = new Set([
  'openid',
  'offline_access',
  'profile',
  'email',
  'address',
  'phone',
])
