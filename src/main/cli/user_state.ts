import type { Account } from '../../domain/accounts/account.ts'
import { type AccountState, accountState } from '../../domain/accounts/account_state.ts'
import { listAccounts } from '../../domain/accounts/account_store.ts'
import { listDeletions } from '../../domain/accounts/schedule_deletion.ts'
import { listLockedFactors } from '../../domain/credentials/factor_store.ts'
import { listLockedPasswords } from '../../domain/security/rate_limit.ts'
import type { Workplace } from './command_database.ts'

/** An account with the facts that its state is made of. */
export type StatedAccount = {
  account: Account
  state: AccountState
  deletionAt: Date | undefined
  /** `password` and kinds of second factors. */
  locks: readonly string[]
}

type Place = Pick<Workplace, 'db' | 'keyring'>

/** Three statements, however many accounts there are. */
export async function withStates(
  place: Place,
  accounts: readonly Account[],
): Promise<StatedAccount[]> {
  if (accounts.length === 0) return []
  const ids = accounts.map(({ id }) => id)
  const deps = { db: place.db, keyring: place.keyring() }
  const deletions = await listDeletions(place.db, ids)
  const passwords = await listLockedPasswords(deps, ids)
  const factors = await listLockedFactors(place.db, ids)
  return accounts.map((account) => {
    const { id } = account
    const deletionAt = deletions.get(id)
    const locks = [...(passwords.has(id) ? ['password'] : []), ...(factors.get(id) ?? [])]
    return { account, state: accountState({ ...account, deletionAt, locks }), deletionAt, locks }
  })
}

type Wanted = { state?: AccountState | undefined; after?: string | undefined; limit: number }

const BATCH = 1_000

/**
 * The accounts in the order of their making, those of one state or all. A state cannot be asked for in
 * SQL: wrong passwords are counted under a keyed hash of the account, so they are read in batches.
 */
export async function listStated(
  place: Place,
  { state, after, limit }: Wanted,
): Promise<StatedAccount[]> {
  const size = state === undefined ? limit : BATCH
  const found: StatedAccount[] = []
  let last = after
  for (;;) {
    const batch = await listAccounts(place.db, { after: last, limit: size })
    const stated = await withStates(place, batch)
    found.push(...stated.filter((one) => state === undefined || one.state === state))
    if (found.length >= limit || batch.length < size) return found.slice(0, limit)
    last = batch.at(-1)?.id
  }
}
