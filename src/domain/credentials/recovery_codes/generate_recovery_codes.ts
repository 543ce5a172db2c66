import { randomBytes } from 'node:crypto'
import type { Clock } from '../../../core/clock.ts'
import { factorAdded, type Origin } from '../../../platform/events/catalogue.ts'
import { appendEvent } from '../../../platform/events/outbox.ts'
import { type Db, inTransaction } from '../../../platform/persistence/db.ts'
import { resetFactorTries } from '../factor_store.ts'
import { findRecoveryCodeSet, replaceRecoveryCodes } from './recovery_code_store.ts'
import {
  canonicalRecoveryCode,
  hashRecoveryCode,
  newRecoveryCode,
  RECOVERY_CODES,
} from './recovery_codes.ts'

const SALT_BYTES = 16

/** A set for an account that has no code left; undefined, and nothing made, where it has. */
export async function ensureRecoveryCodes(
  deps: { db: Db; clock: Clock },
  accountId: string,
  origin: Origin,
): Promise<string[] | undefined> {
  const before = await findRecoveryCodeSet(deps.db, accountId)
  if (before && before.unused > 0) return undefined
  return await generateRecoveryCodes(deps, accountId, origin)
}

/**
 * Makes a new set and ends the one before.
 *
 * @returns the codes in words: shown now and never again
 */
export async function generateRecoveryCodes(
  { db, clock }: { db: Db; clock: Clock },
  accountId: string,
  origin: Origin,
): Promise<string[]> {
  const codes = Array.from({ length: RECOVERY_CODES }, newRecoveryCode)
  const salt = randomBytes(SALT_BYTES)
  const hashes: Buffer[] = []
  // One after the other: each takes 16 MiB and a thread that others need as well.
  for (const code of codes) hashes.push(await hashRecoveryCode(canonicalRecoveryCode(code)!, salt))
  await inTransaction(db, async (tx) => {
    await replaceRecoveryCodes(tx, { accountId, salt, hashes, createdAt: clock.now() })
    await resetFactorTries(tx, accountId, 'recovery_code')
    await appendEvent(tx, factorAdded({ accountId, factor: 'recovery_code', ...origin }))
  })
  return codes
}
