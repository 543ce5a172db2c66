import type { Clock } from '../../../core/clock.ts'
import { newId } from '../../../core/ids.ts'
import { shortened } from '../../../core/text.ts'
import { factorAdded, type Origin } from '../../../platform/events/catalogue.ts'
import { appendEvent } from '../../../platform/events/outbox.ts'
import type { Keyring } from '../../../platform/keys/keyring.ts'
import { type Db, inTransaction } from '../../../platform/persistence/db.ts'
import type { Account } from '../../accounts/account.ts'
import { signInNameOf } from '../../accounts/account_view.ts'
import { resetFactorTries } from '../factor_store.ts'
import { newTotpSecret, totpStepOf, totpUri } from './totp.ts'
import {
  confirmTotp,
  deletePendingTotps,
  findPendingTotp,
  insertTotp,
  listConfirmedTotps,
  type StoredTotp,
} from './totp_store.ts'

type Deps = { db: Db; clock: Clock; keyring: Keyring }

/** How long a secret waits for its first code, unchanged: the page may be loaded again meanwhile. */
const PENDING_TTL_S = 900
const MAX_PER_ACCOUNT = 5
const NAME_MAX = 60

/**
 * The secret to enrol, base32: the one that waits already, or a new one. It opens nothing until
 * `confirmTotpEnrolment` has seen a code of it, and is never shown again after that.
 */
export async function beginTotpEnrolment(deps: Deps, accountId: string): Promise<string> {
  const { db, clock, keyring } = deps
  const now = clock.now()
  const pending = await findPendingTotp(db, accountId, since(now))
  if (pending) return openSecret(keyring, pending)
  const id = newId(now.getTime())
  const secret = newTotpSecret()
  await inTransaction(db, async (tx) => {
    await deletePendingTotps(tx, accountId)
    const secretSealed = keyring.seal(secret, placeOf(id))
    await insertTotp(tx, { id, accountId, name: '', secretSealed, createdAt: now })
  })
  return secret
}

/** What a page shows for it: the address of the QR code, and the key in groups, to be typed. */
export async function showTotpEnrolment(
  deps: Deps,
  account: Account,
  issuer: string,
): Promise<{ uri: string; key: string }> {
  const secret = await beginTotpEnrolment(deps, account.id)
  return {
    uri: totpUri(secret, { issuer, account: signInNameOf(account) }),
    key: secret.match(/.{1,4}/g)!.join(' '),
  }
}

export type EnrolmentResult =
  | { kind: 'enrolled'; id: string }
  | { kind: 'refused'; reason: 'wrong_code' | 'expired' | 'too_many' }

/** Confirms the waiting secret by its first code; from then on it is asked for. */
export async function confirmTotpEnrolment(
  deps: Deps,
  { accountId, code, name, origin }: EnrolmentInput,
): Promise<EnrolmentResult> {
  const { db, clock, keyring } = deps
  const now = clock.now()
  const pending = await findPendingTotp(db, accountId, since(now))
  if (!pending) return { kind: 'refused', reason: 'expired' }
  const step = totpStepOf(openSecret(keyring, pending), code, now)
  if (step === undefined) return { kind: 'refused', reason: 'wrong_code' }
  return await inTransaction(db, async (tx) => {
    const others = await listConfirmedTotps(tx, accountId)
    if (others.length >= MAX_PER_ACCOUNT) return { kind: 'refused', reason: 'too_many' }
    const confirmed = { id: pending.id, name: shortened(name ?? '', NAME_MAX), step, now }
    if (!(await confirmTotp(tx, confirmed))) return { kind: 'refused', reason: 'expired' }
    await resetFactorTries(tx, accountId, 'totp')
    await appendEvent(
      tx,
      factorAdded({ accountId, factor: 'totp', factorId: pending.id, ...origin }),
    )
    return { kind: 'enrolled', id: pending.id }
  })
}

export type EnrolmentInput = {
  accountId: string
  code: string
  /** What the person calls the application; may be empty. */
  name?: string | undefined
  origin: Origin
}

/** @throws DomainError `internal` where the secret was sealed under a key that is gone */
export function openSecret(keyring: Keyring, { id, secretSealed }: StoredTotp): string {
  return keyring.open(secretSealed, placeOf(id)).toString('utf8')
}

function placeOf(id: string): string {
  return `totp_credential:secret:${id}`
}

function since(now: Date): Date {
  return new Date(now.getTime() - PENDING_TTL_S * 1000)
}
