import { connectionUnavailable, type Origin } from '../../platform/events/catalogue.ts'
import { appendEvent } from '../../platform/events/outbox.ts'
import type { Db } from '../../platform/persistence/db.ts'
import type { Connection } from '../federation/connection.ts'

const REASON_MAX = 500

/** A source could not be asked while somebody waited: for the trail, and for whoever watches it. */
export async function tellUnavailable(
  { db }: { db: Db },
  input: { connection: Connection; reason: string; clientId: string; origin: Origin },
): Promise<void> {
  const { connection, reason, clientId, origin } = input
  const fact = { connection: connection.name, reason: reason.slice(0, REASON_MAX), clientId }
  await appendEvent(db, connectionUnavailable({ ...fact, ...origin }))
}
