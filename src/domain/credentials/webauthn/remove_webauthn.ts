import { factorRemoved, type Origin } from '../../../platform/events/catalogue.ts'
import { appendEvent } from '../../../platform/events/outbox.ts'
import { type Db, inTransaction } from '../../../platform/persistence/db.ts'
import { lockAccount } from '../../accounts/account_store.ts'
import { findPassword } from '../password/password_store.ts'
import { deleteWebAuthnCredential, listWebAuthnCredentials } from './webauthn_store.ts'

/** `unknown`: the account has no such key, and an id of somebody else is no id at all. */
export type WebAuthnRemoval = 'removed' | 'unknown' | 'last_way_in'

/** Takes a key away, unless its owner, who has no password, could not sign in again without it. */
export async function removeWebAuthn(
  { db }: { db: Db },
  {
    accountId,
    id,
    by,
    origin = {},
  }: { accountId: string; id: string; by?: string; origin?: Origin },
): Promise<WebAuthnRemoval> {
  return await inTransaction(db, async (tx) => {
    // Of two that are removed at once, the second has to see that the first is gone.
    if (!(await lockAccount(tx, accountId))) return 'unknown'
    const keys = await listWebAuthnCredentials(tx, accountId)
    if (!keys.some((key) => key.id === id)) return 'unknown'
    const waysIn = keys.filter((key) => key.userVerified && key.id !== id)
    if (waysIn.length === 0 && !(await findPassword(tx, accountId))) return 'last_way_in'
    await deleteWebAuthnCredential(tx, { accountId, id })
    const fact = { accountId, factor: 'passkey', factorId: id, ...(by ? { by } : {}), ...origin }
    await appendEvent(tx, factorRemoved(fact))
    return 'removed'
  })
}
