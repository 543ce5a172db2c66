import type { AuthEvent } from '../../platform/events/event.ts'
import { appendEvent } from '../../platform/events/outbox.ts'
import type { JobQueue } from '../../platform/jobs/queue.ts'
import { type Db, inTransaction, type Transaction } from '../../platform/persistence/db.ts'
import { lockActiveAccountToChange } from '../accounts/account_store.ts'
import { conflictingIdentifier } from '../accounts/create_account.ts'
import {
  boundHash,
  type CodeDeps,
  consumeCode,
  matchCode,
  requestCode,
} from '../credentials/one_time_code/one_time_code.ts'
import {
  findPendingCode,
  type StoredCode,
} from '../credentials/one_time_code/one_time_code_store.ts'

/**
 * What another e-mail address and another telephone number have in common: each is the account's when
 * the code that went there was typed in the session that asked, and not before.
 */
type Purpose = 'change_email' | 'change_phone'
/** The session that asks, and whose it is. */
type Asker = { purpose: Purpose; accountId: string; sessionUid: string }
type Deps = CodeDeps & { db: Db }

/** What waits for its code; how it is read out of its row is the caller's. */
type Pending = { accountId: string }
type Read<P extends Pending> = (stored: StoredCode) => P

/** The worker makes the code and sends it, or finds out that the address is somebody's. */
export async function askForChange(
  deps: Deps & { jobs: Pick<JobQueue, 'send'> },
  { purpose, sessionUid: boundTo }: Omit<Asker, 'accountId'>,
  { payload, requested }: { payload: Pending; requested: AuthEvent },
): Promise<void> {
  await inTransaction(deps.db, async (tx) => {
    const { id } = await requestCode(deps, tx, { purpose, boundTo, payload })
    await deps.jobs.send('deliver_code', { codeId: id }, { tx })
    await appendEvent(tx, requested)
  })
}

export async function findPendingChange<P extends Pending>(
  { db, clock, keyring }: Deps,
  { purpose, accountId, sessionUid }: Asker,
  read: Read<P>,
): Promise<P | undefined> {
  const bound = { purpose, boundHash: boundHash(keyring, sessionUid), now: clock.now() }
  const stored = await findPendingCode(db, bound)
  const pending = stored && read(stored)
  return pending?.accountId === accountId ? pending : undefined
}

/**
 * Makes the change, once for each code.
 *
 * @param change in a transaction that holds the account
 * @returns `taken` where somebody else has the address by now
 */
export async function takeChange<P extends Pending>(
  deps: Deps,
  { purpose, accountId, sessionUid, code }: Asker & { code: string },
  read: Read<P>,
  change: (tx: Transaction, pending: P) => Promise<void>,
): Promise<'changed' | 'wrong_code' | 'taken'> {
  const stored = await matchCode(deps, deps.db, { purpose, boundTo: sessionUid, code })
  const pending = stored && read(stored)
  if (!stored || pending?.accountId !== accountId) return 'wrong_code'
  try {
    return await inTransaction(deps.db, async (tx) => {
      if (!(await lockActiveAccountToChange(tx, accountId))) return 'wrong_code'
      if (!(await consumeCode(tx, stored))) return 'wrong_code'
      await change(tx, pending)
      return 'changed'
    })
  } catch (error) {
    if (conflictingIdentifier(error) === undefined) throw error
    return 'taken'
  }
}
