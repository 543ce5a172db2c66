import { recoveryCodeUsed } from '../../../platform/events/catalogue.ts'
import { appendEvent } from '../../../platform/events/outbox.ts'
import type { Db, Transaction } from '../../../platform/persistence/db.ts'
import { consumeRecoveryCodeRow, findRecoveryCodeSet } from './recovery_code_store.ts'
import { canonicalRecoveryCode, hashRecoveryCode } from './recovery_codes.ts'

/** The hash under which this code would be stored; undefined where it cannot be one of the account. */
export async function recoveryCodeHash(
  db: Db,
  accountId: string,
  typed: string,
): Promise<Buffer | undefined> {
  const canonical = canonicalRecoveryCode(typed)
  const set = canonical && (await findRecoveryCodeSet(db, accountId))
  return canonical && set ? await hashRecoveryCode(canonical, set.salt) : undefined
}

/** Uses the code up and says so to the trail, which tells its owner. */
export async function consumeRecoveryCode(
  tx: Transaction,
  { accountId, hash, now }: { accountId: string; hash: Buffer; now: Date },
): Promise<boolean> {
  if (!(await consumeRecoveryCodeRow(tx, { accountId, hash, now }))) return false
  const left = (await findRecoveryCodeSet(tx, accountId))?.unused ?? 0
  await appendEvent(tx, recoveryCodeUsed({ accountId, left }))
  return true
}
