import type Provider from 'oidc-provider'
import type { Codec } from './adapters/codec.ts'
import { deleteRecord, deleteRecordsOfGrant } from './adapters/postgres_records.ts'
import { currentUnitOfWork, type RecordStores } from './adapters/unit_of_work.ts'

type Notifiable = { backchannelLogout(accountId: string, sid: string): Promise<void> }

/**
 * Ends a browser's session because somebody else signs in with it: its clients are told, the grants
 * that do not outlive it go, and then the session itself.
 */
export function createEndSession(deps: {
  stores: RecordStores
  codec: Codec
  provider(): Provider
}): (sessionUid: string) => Promise<void> {
  const { stores, codec } = deps
  return async (sessionUid) => {
    const provider = deps.provider()
    const session = await provider.Session.findByUid(sessionUid)
    if (!session) return
    for (const [clientId, { sid, grantId, persistsLogout }] of Object.entries(
      session.authorizations ?? {},
    )) {
      const client = await provider.Client.find(clientId)
      if (client?.backchannelLogoutUri && session.accountId && sid) {
        await (client as unknown as Notifiable).backchannelLogout(session.accountId, sid)
      }
      if (grantId && !persistsLogout) {
        const grantHash = codec.idHash(grantId)
        await deleteRecord(stores.db, { model: 'Grant', idHash: grantHash })
        await deleteRecordsOfGrant(stores.db, grantHash)
      }
    }
    const unit = currentUnitOfWork()
    const rows = (await unit?.listSessions(codec.uidHash(sessionUid))) ?? []
    for (const row of rows) unit?.destroy({ model: 'Session', idHash: row.idHash })
  }
}
