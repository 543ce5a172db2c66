import type { Clock } from '../../core/clock.ts'
import { newId } from '../../core/ids.ts'
import { randomToken } from '../../core/secrets.ts'
import { deviceTrusted, type Origin } from '../../platform/events/catalogue.ts'
import { appendEvent } from '../../platform/events/outbox.ts'
import type { Keyring } from '../../platform/keys/keyring.ts'
import { type Db, inTransaction } from '../../platform/persistence/db.ts'
import { findTrustedDevice, insertTrustedDevice } from './trusted_device_store.ts'

/**
 * Browsers that a person told us to trust after a second factor: for some days their password alone
 * is enough there, where nothing more is asked for. The browser holds a token, we hold its keyed hash,
 * and whoever takes the row away takes the trust away.
 */
export type TrustedDevice = {
  id: string
  accountId: string
  userAgent?: string | undefined
  createdAt: Date
  expiresAt: Date
}

type Deps = { db: Db; clock: Clock; keyring: Keyring }

const USER_AGENT_MAX = 400

/** @returns the token for the browser's cookie; one browser may be trusted by several accounts */
export async function trustDevice(
  { db, clock, keyring }: Deps,
  { accountId, days, origin }: { accountId: string; days: number; origin: Origin },
): Promise<string> {
  const token = randomToken()
  const now = clock.now()
  const id = newId(now.getTime())
  await inTransaction(db, async (tx) => {
    await insertTrustedDevice(tx, {
      id,
      accountId,
      tokenHash: hashOf(keyring, token),
      userAgent: origin.userAgent?.slice(0, USER_AGENT_MAX),
      createdAt: now,
      expiresAt: new Date(now.getTime() + days * 86_400_000),
    })
    await appendEvent(tx, deviceTrusted({ accountId, deviceId: id, ...origin }))
  })
  return token
}

/** Whether the bearer of these tokens is trusted with this very account. */
export async function isTrustedDevice(
  { db, clock, keyring }: Deps,
  { accountId, tokens }: { accountId: string; tokens: readonly string[] },
): Promise<boolean> {
  const usable = tokens.filter((token) => token !== '' && token.length <= 100)
  if (usable.length === 0) return false
  const tokenHashes = usable.map((token) => hashOf(keyring, token))
  return await findTrustedDevice(db, { accountId, tokenHashes, now: clock.now() })
}

function hashOf(keyring: Keyring, token: string): Buffer {
  return keyring.hash('trusted_device', token)
}
