import type { Clock } from '../../core/clock.ts'
import type { ConfigBeforeSecrets } from '../../platform/config/schema.ts'
import { type Origin, termsAccepted } from '../../platform/events/catalogue.ts'
import { appendEvent } from '../../platform/events/outbox.ts'
import { type Db, inTransaction, type Transaction } from '../../platform/persistence/db.ts'
import { insertAcceptance, isAccepted } from './terms_store.ts'

/**
 * The terms of the deployment, accepted version by version. What they say is elsewhere; here is who
 * accepted which of them, and when.
 */
export type Terms = {
  /** Where they can be read. */
  uri: string
  /** The one that has to be accepted now. */
  version: string
}

/** Undefined where the deployment has none. */
export function termsOf({ signIn }: Pick<ConfigBeforeSecrets, 'signIn'>): Terms | undefined {
  const { termsUri: uri, termsVersion: version } = signIn
  return uri === undefined || version === undefined ? undefined : { uri, version }
}

/** Whether this person has yet to accept the terms as they are now. Without terms it costs nothing. */
export async function lacksAcceptance(
  db: Db,
  terms: Terms | undefined,
  accountId: string | undefined,
): Promise<boolean> {
  if (!terms || accountId === undefined) return false
  return !(await isAccepted(db, { accountId, version: terms.version }))
}

/**
 * Keeps that the person accepted this version; a second time changes nothing and is not told.
 *
 * @param tx the caller's transaction
 */
export async function acceptTerms(
  { db, clock }: { db: Db; clock: Clock },
  { accountId, version, origin }: { accountId: string; version: string; origin: Origin },
  tx?: Transaction,
): Promise<void> {
  const accept = async (tx: Transaction): Promise<void> => {
    const acceptedAt = clock.now()
    if (!(await insertAcceptance(tx, { accountId, version, acceptedAt }))) return
    await appendEvent(tx, termsAccepted({ accountId, version, ...origin }))
  }
  await (tx ? accept(tx) : inTransaction(db, accept))
}
