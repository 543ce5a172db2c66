/** Where each endpoint is. Public: they are in discovery, and clients have them in their settings. */
export const PATHS = {
  authorization: '/authorize',
  token: '/token',
  userinfo: '/userinfo',
  introspection: '/introspect',
  revocation: '/revoke',
  pushed_authorization_request: '/par',
  device_authorization: '/device_authorization',
  backchannel_authentication: '/backchannel_authentication',
  code_verification: '/device',
  end_session: '/logout',
  jwks: '/jwks',
} as const

export const DISCOVERY_PATHS = [
  '/.well-known/openid-configuration',
  '/.well-known/oauth-authorization-server',
] as const

/** Endpoints whose callers are programs: they get JSON, whatever their Accept header says. */
export const MACHINE_PATHS: ReadonlySet<string> = new Set([
  PATHS.token,
  PATHS.userinfo,
  PATHS.introspection,
  PATHS.revocation,
  PATHS.pushed_authorization_request,
  PATHS.device_authorization,
  PATHS.backchannel_authentication,
  PATHS.jwks,
  ...DISCOVERY_PATHS,
])

/** Endpoints where clients say who they are. */
export const CLIENT_PATHS: ReadonlySet<string> = new Set([
  PATHS.token,
  PATHS.introspection,
  PATHS.revocation,
  PATHS.pushed_authorization_request,
  PATHS.device_authorization,
  PATHS.backchannel_authentication,
])

/** What is served at the origin that asks for client certificates: where programs call, not read. */
export const MUTUAL_TLS_PATHS: ReadonlySet<string> = new Set(
  [...MACHINE_PATHS].filter(
    (path) => path !== PATHS.jwks && !(DISCOVERY_PATHS as readonly string[]).includes(path),
  ),
)

/** Where people answer what applications ask them from elsewhere (CIBA). */
export const APPROVALS_PATH = '/ciba'

/** Where people come back to their account from signing in. */
export const ACCOUNT_RETURN_PATH = '/account/signed_in'

/** Where a person's interaction with an authorization request is. */
export const INTERACTION_PATH = '/interaction'
