import type { Client, KoaContextWithOIDC } from 'oidc-provider'
import type { Db } from '../../platform/persistence/db.ts'
import { currentUnitOfWork } from './adapters/unit_of_work.ts'
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

type StoredToken = {
  clientId?: string | undefined
  accountId?: string | undefined
  extra?: { gid?: string } | undefined
}

/**
 * For tokens that are stored: one is worth what stands behind it at this moment, its client, its
 * account and, where it was exchanged, the grant of the token it was exchanged for. Account and grant
 * came along with the token, and cost nothing.
 */
export function createIntrospectionPolicy(db: Db) {
  return async (
    ctx: KoaContextWithOIDC,
    client: Client,
    { clientId, accountId, extra }: StoredToken,
  ): Promise<boolean> => {
    if (!mayIntrospect(client, clientId)) return false
    if (!(await ctx.oidc.provider.Client.find(clientId ?? ''))) return false
    if (extra?.gid !== undefined && !(await grantStands(extra.gid))) return false
    return accountId === undefined || (await loadAccount(db, accountId))?.status === 'active'
  }
}

async function grantStands(gid: string): Promise<boolean> {
  const idHash = Buffer.from(gid, 'base64url')
  return (await currentUnitOfWork()?.find({ model: 'Grant', idHash })) !== undefined
}
