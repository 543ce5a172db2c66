import type { Context } from 'koa'
import type Provider from 'oidc-provider'
import type { Configuration } from 'oidc-provider'
import { randomToken, sha256 } from '../../core/secrets.ts'
import type { Config } from '../../platform/config/schema.ts'
import type { Db } from '../../platform/persistence/db.ts'
import type { Authentication } from './ciba/approvals.ts'
import { loadAccount } from './find_account.ts'
import { ACCOUNT_RETURN_PATH, APPROVALS_PATH, PATHS } from './paths.ts'

/**
 * Our own pages for people who are signed in: their account, and what applications ask them. Signing
 * in to them is an ordinary authorization request of a client that is this server itself. Its code
 * comes back to the page, which has no use for it: what counts is the session that the request leaves
 * behind. Nobody can redeem the code, because its verifier is thrown away.
 */
const OWN_CLIENT_ID = 'authcore-account'

export function isOwnClient(clientId: string | undefined): boolean {
  return clientId === OWN_CLIENT_ID
}

export function ownClients({ server, brand }: Config): NonNullable<Configuration['clients']> {
  return [
    {
      client_id: OWN_CLIENT_ID,
      client_name: brand.name,
      redirect_uris: [APPROVALS_PATH, ACCOUNT_RETURN_PATH].map((path) => server.issuer + path),
      token_endpoint_auth_method: 'none',
      grant_types: ['authorization_code'],
      response_types: ['code'],
      scope: 'openid',
      first_party: true,
    },
  ]
}

export type SignInOptions = {
  /** Where the browser comes back to: one of the two paths above. */
  path: typeof APPROVALS_PATH | typeof ACCOUNT_RETURN_PATH
  /** Comes back with the browser, in the clear. */
  state?: string | undefined
  /** Anew, or as somebody else, maybe. */
  prompt?: 'login' | 'select_account' | undefined
  /** How old the sign-in may be, and how strong it has to be. */
  maxAgeS?: number | undefined
  acr?: string | undefined
}

/** Where the browser goes to sign in. */
export function signInUri(
  { server }: Config,
  { path, state, prompt, maxAgeS, acr }: SignInOptions,
): string {
  const query = new URLSearchParams({
    client_id: OWN_CLIENT_ID,
    response_type: 'code',
    redirect_uri: `${server.issuer}${path}`,
    scope: 'openid',
    code_challenge: sha256(randomToken()).toString('base64url'),
    code_challenge_method: 'S256',
    ...(state === undefined ? {} : { state }),
    ...(prompt === undefined ? {} : { prompt }),
    ...(maxAgeS === undefined ? {} : { max_age: String(maxAgeS) }),
    ...(acr === undefined ? {} : { acr_values: acr }),
  })
  return `${PATHS.authorization}?${query}`
}

export type SignedIn = Authentication & { sessionUid: string }

/** Gives the browser's session another name: whoever copied the old one has it for a moment only. */
export async function rotateSession(provider: Provider, ctx: Context): Promise<void> {
  const session = await provider.Session.get(ctx as never)
  if (!session.accountId || session.exp === undefined) return
  session.resetIdentifier()
  await session.persist()
  const { id } = session as unknown as { id: string }
  ctx.cookies.set(provider.cookieName('session'), id, {
    httpOnly: true,
    sameSite: 'lax',
    path: '/',
    signed: true,
    overwrite: true,
    ...(session.transient ? {} : { expires: new Date(session.exp * 1000) }),
  })
}

/** Who is signed in at this browser, and may be. */
export async function findSignedIn(
  { db, provider }: { db: Db; provider: Provider },
  ctx: Context,
): Promise<SignedIn | undefined> {
  const session = await provider.Session.get(ctx as never)
  if (!session.accountId) return undefined
  const account = await loadAccount(db, session.accountId)
  if (account?.status !== 'active') return undefined
  const { accountId, acr, amr, loginTs, uid } = session
  return { accountId, acr, amr, authTime: loginTs, sessionUid: uid }
}
