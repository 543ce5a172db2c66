import type { Context } from 'koa'
import type Provider from 'oidc-provider'
import type { Configuration } from 'oidc-provider'
import { randomToken, sha256 } from '../../../core/secrets.ts'
import type { Config } from '../../../platform/config/schema.ts'
import type { Db } from '../../../platform/persistence/db.ts'
import { loadAccount } from '../find_account.ts'
import { APPROVALS_PATH, PATHS } from '../paths.ts'
import type { Authentication } from './approvals.ts'

/**
 * Signing in to the page of approvals is an ordinary authorization request, of a client that is this
 * server itself. Its code comes back to the page, which has no use for it: what counts is the session
 * that the request leaves behind. Nobody can redeem the code, because its verifier is thrown away.
 */
const OWN_CLIENT_ID = 'authcore-approvals'

export function ownClients({
  protocols,
  server,
  brand,
}: Config): NonNullable<Configuration['clients']> {
  if (!protocols.ciba) return []
  return [
    {
      client_id: OWN_CLIENT_ID,
      client_name: brand.name,
      redirect_uris: [`${server.issuer}${APPROVALS_PATH}`],
      token_endpoint_auth_method: 'none',
      grant_types: ['authorization_code'],
      response_types: ['code'],
      scope: 'openid',
      first_party: true,
    },
  ]
}

/** Where the browser goes to sign in, or to become somebody else. */
export function signInUri({ server }: Config, { another = false } = {}): string {
  const query = new URLSearchParams({
    client_id: OWN_CLIENT_ID,
    response_type: 'code',
    redirect_uri: `${server.issuer}${APPROVALS_PATH}`,
    scope: 'openid',
    code_challenge: sha256(randomToken()).toString('base64url'),
    code_challenge_method: 'S256',
    ...(another ? { prompt: 'login' } : {}),
  })
  return `${PATHS.authorization}?${query}`
}

export type SignedIn = Authentication & { sessionUid: string }

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
