import type { Transaction } from '../../platform/persistence/db.ts'
import { deleteOtherCodesOfAccount } from '../credentials/one_time_code/one_time_code_store.ts'
import { deleteTrustedDevicesOfAccount } from '../sessions/trusted_device_store.ts'
import { deleteAttemptsOfAccount } from './attempt_store.ts'

/**
 * What was begun with the password of before ends with it: sign-ins that are half way, the codes and
 * links that were sent for one, and the trust in browsers. Links that take something back, or that an
 * operator made, stay: they are for whoever was wronged.
 */
export async function endProofs(tx: Transaction, accountId: string): Promise<void> {
  await deleteOtherCodesOfAccount(tx, { accountId })
  await deleteAttemptsOfAccount(tx, accountId)
  await deleteTrustedDevicesOfAccount(tx, accountId)
}
