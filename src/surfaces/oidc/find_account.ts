import type { Account as EngineAccount, KoaContextWithOIDC } from 'oidc-provider'
import type { Clock } from '../../core/clock.ts'
import { isId } from '../../core/ids.ts'
import type { Account } from '../../domain/accounts/account.ts'
import { findAccountById } from '../../domain/accounts/account_store.ts'
import { claimsOf } from '../../domain/accounts/claims.ts'
import { attributeClaims, type Profile } from '../../domain/accounts/profile/profile.ts'
import { asksForProfile, missingFields } from '../../domain/authentication/ask_profile.ts'
import type { Db } from '../../platform/persistence/db.ts'
import type { AccountBesideRecord } from './adapters/record.ts'
import { currentUnitOfWork } from './adapters/unit_of_work.ts'

type Deps = { db: Db; clock: Clock; profile: Profile }

/** What the engine wants of an account, and what our own checks ask of it. */
export type KnownAccount = EngineAccount & {
  /** Whether something is to be asked about the person; it takes no statement. */
  lacksProfile(): boolean
}

/**
 * The engine asks for the account whenever a session or token is used. A disabled or deleted account
 * is answered with "none": that ends refreshing, UserInfo, introspection and single sign-on at once.
 */
export function createFindAccount({ db, clock, profile }: Deps) {
  const asks = asksForProfile(profile)
  return async (_ctx: KoaContextWithOIDC, sub: string): Promise<KnownAccount | undefined> => {
    const account = await loadAccount(db, sub)
    if (account?.status !== 'active') return undefined
    return {
      accountId: account.id,
      claims: () => {
        const own = attributeClaims(profile, account.attributes)
        return claimsOf(account, own) as { sub: string }
      },
      lacksProfile: () => asks && missingFields(profile, account, clock.now()).length > 0,
    }
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
    attributes: row.attributes,
    ...(row.profilePostponedAt ? { profilePostponedAt: new Date(row.profilePostponedAt) } : {}),
    createdAt: new Date(row.createdAt),
    updatedAt: new Date(row.updatedAt),
  } as Account
}
