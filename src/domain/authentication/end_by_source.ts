import { sessionEnded } from '../../platform/events/catalogue.ts'
import { appendEvent } from '../../platform/events/outbox.ts'
import type { Keyring } from '../../platform/keys/keyring.ts'
import type { Db } from '../../platform/persistence/db.ts'
import type { Connection } from '../federation/connection.ts'
import type { EndedThere } from '../federation/connector.ts'
import {
  deleteUpstreamSessions,
  listUpstreamSessions,
} from '../federation/upstream_session_store.ts'

/**
 * Sessions of ours end because the ones at a source did that they came by, with all their grants and
 * tokens. Nobody's else do, whatever the message says.
 *
 * @param endByHash ends one session and tells its clients
 * @returns how many
 */
export async function endBySource(
  deps: {
    db: Db
    keyring: Keyring
    endByHash(db: Db, uidHash: Buffer): Promise<void>
  },
  { connection, whose }: { connection: Connection; whose: EndedThere },
): Promise<number> {
  const { db } = deps
  const found = await listUpstreamSessions(deps, db, { ...whose, connectionId: connection.id })
  const meant = found.filter(({ hint }) => whose.isMeant?.(hint.logoutHint) ?? true)
  for (const { accountId, uidHash } of meant) {
    await deps.endByHash(db, uidHash)
    await deleteUpstreamSessions(db, uidHash)
    await appendEvent(db, sessionEnded({ accountId, by: `connection:${connection.name}` }))
  }
  return meant.length
}
