import type { Clock } from '../../core/clock.ts'
import { consentGranted, consentRevoked, type Origin } from '../../platform/events/catalogue.ts'
import { appendEvent } from '../../platform/events/outbox.ts'
import { type Db, inTransaction, type Transaction } from '../../platform/persistence/db.ts'
import type { Consent, Requested } from './consent.ts'
import { deleteConsent, upsertConsent } from './consent_store.ts'

type Parties = { accountId: string; clientId: string }

type Granted = Parties & {
  granted: Requested
  /** RFC 9396: allowed once, and not remembered beyond the trail. */
  detailsTypes?: readonly string[]
  origin?: Origin
}

/** Adds to what the person allowed this client before. */
export async function grantConsent(
  { db, clock }: { db: Db; clock: Clock },
  input: Granted,
): Promise<Consent> {
  return await upsertConsent(db, input, clock.now(), eventOf(input))
}

/** For a client that is not registered: nothing is remembered, and the next request asks again. */
export async function grantOnce({ db }: { db: Db }, input: Granted): Promise<void> {
  await appendEvent(db, eventOf(input))
}

function eventOf({ accountId, clientId, granted, detailsTypes = [], origin = {} }: Granted) {
  const resources = Object.fromEntries(
    Object.entries(granted.resourceScopes).map(([resource, scopes]) => [resource, [...scopes]]),
  )
  return consentGranted({
    accountId,
    clientId,
    scopes: [...granted.openidScopes],
    resources,
    ...(detailsTypes.length > 0 ? { detailsTypes: [...detailsTypes] } : {}),
    ...origin,
  })
}

/**
 * Forgets what the person allowed this client.
 *
 * @param endAccess ends the grants and tokens of the two in the same transaction
 * @returns false where nothing was allowed
 */
export async function revokeConsent(
  { db }: { db: Db },
  { accountId, clientId }: Parties,
  options: { by?: string; endAccess?: (tx: Transaction, parties: Parties) => Promise<void> } = {},
): Promise<boolean> {
  const { by, endAccess } = options
  return await inTransaction(db, async (tx) => {
    const revoked = await deleteConsent(tx, accountId, clientId)
    if (revoked) {
      await appendEvent(tx, consentRevoked({ accountId, clientId, ...(by ? { by } : {}) }))
    }
    await endAccess?.(tx, { accountId, clientId })
    return revoked
  })
}
