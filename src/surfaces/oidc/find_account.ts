import type { Account as EngineAccount, KoaContextWithOIDC } from 'oidc-provider'
import { isId } from '../../core/ids.ts'
import type { Account } from '../../domain/accounts/account.ts'
import { findAccountById } from '../../domain/accounts/account_store.ts'
import { claimsOf } from '../../domain/accounts/claims.ts'
import type { Db } from '../../platform/persistence/db.ts'
import type { AccountBesideRecord } from './adapters/record.ts'
import { currentUnitOfWork } from './adapters/unit_of_work.ts'

/**
 * The engine asks for the account whenever a session or token is used. A disabled or deleted account
 * is answered with "none": that ends refreshing, UserInfo, introspection and single sign-on at once.
 */
export function createFindAccount(db: Db) {
  return async (_ctx: KoaContextWithOIDC, sub: string): Promise<EngineAccount | undefined> => {
    const account = await loadAccount(db, sub)
    if (account?.status !== 'active') return undefined
    return { accountId: account.id, claims: () => claimsOf(account) as { sub: string } }
  }
}

/** The account from what an earlier lookup of this request brought along, else from its table. */
export async function loadAccount(db: Db, accountId: string): Promise<Account | undefined> {
  if (!isId(accountId)) return undefined
  const known = currentUnitOfWork()?.knownAccount(accountId)
  return known ? accountOf(known) : await findAccountById(db, accountId)
}

function accountOf(row: AccountBesideRecord): Account {
  return {
    id: row.id,
    status: row.status,
    username: row.username ?? undefined,
    email: row.email ?? undefined,
    emailVerified: row.emailVerified,
    phone: row.phone ?? undefined,
    phoneVerified: row.phoneVerified,
    claims: row.claims,
    createdAt: new Date(row.createdAt),
    updatedAt: new Date(row.updatedAt),
  } as Account
}
