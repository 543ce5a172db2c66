import type { Keyring } from '../../../platform/keys/keyring.ts'
import type { Transaction } from '../../../platform/persistence/db.ts'
import { openSecret } from './enrol_totp.ts'
import { totpStepOf } from './totp.ts'
import { consumeTotpStep, listConfirmedTotps } from './totp_store.ts'

/**
 * Uses up a code of one of the account's authenticators: of several that present it at once, one
 * succeeds, and a code that was seen is worth nothing although its time has not passed.
 */
export async function consumeTotpCode(
  { keyring }: { keyring: Keyring },
  tx: Transaction,
  { accountId, code, now }: { accountId: string; code: string; now: Date },
): Promise<boolean> {
  for (const totp of await listConfirmedTotps(tx, accountId)) {
    const step = totpStepOf(openSecret(keyring, totp), code, now)
    if (step !== undefined && (await consumeTotpStep(tx, { id: totp.id, step, now }))) return true
  }
  return false
}
