import type { Client, KoaContextWithOIDC } from 'oidc-provider'
import type { Db } from '../../platform/persistence/db.ts'
import { loadAccount } from './find_account.ts'

/**
 * Whose tokens a client may look at (RFC 7662 §2.1, §4): its own always; every one, where it is
 * registered with `introspection: any` as the guard of APIs; a public client, which proves nothing
 * about itself, none at all.
 */
export function mayIntrospect(client: Client, clientId: string | undefined): boolean {
  if (client.clientAuthMethod === 'none') return false
  return client['introspection'] === 'any' || clientId === client.clientId
}

/**
 * For tokens that are stored: one is worth what stands behind it at this moment, its client and its
 * account. The account came along with the token or its grant, and costs nothing.
 */
export function createIntrospectionPolicy(db: Db) {
  return async (
    ctx: KoaContextWithOIDC,
    client: Client,
    { clientId, accountId }: { clientId?: string | undefined; accountId?: string | undefined },
  ): Promise<boolean> => {
    if (!mayIntrospect(client, clientId)) return false
    if (!(await ctx.oidc.provider.Client.find(clientId ?? ''))) return false
    return accountId === undefined || (await loadAccount(db, accountId))?.status === 'active'
  }
}
