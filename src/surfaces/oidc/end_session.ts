import type Provider from 'oidc-provider'
import {
  countSessions,
  listSessions,
  lockSessions,
  type Session,
} from '../../domain/sessions/session_store.ts'
import { sessionEnded } from '../../platform/events/catalogue.ts'
import { appendEvent } from '../../platform/events/outbox.ts'
import { type Db, inTransaction } from '../../platform/persistence/db.ts'
import type { Codec, Payload } from './adapters/codec.ts'
import {
  deleteRecord,
  deleteRecordsOfAccount,
  deleteRecordsOfGrant,
  deleteSessions,
  listSessionRecords,
  listSessionRecordsOfAccount,
} from './adapters/postgres_records.ts'
import type { OidcRecord } from './adapters/record.ts'
import { currentUnitOfWork, type RecordStores } from './adapters/unit_of_work.ts'

type Notifiable = { backchannelLogout(accountId: string, sid: string): Promise<void> }
type Authorizations = Record<string, { sid?: string; grantId?: string; persistsLogout?: boolean }>

/** Ends sessions from elsewhere than their own browser; the clients that take part are told. */
export type SessionEnder = {
  /**
   * Because somebody else signs in with the browser: the grants that do not outlive it go, and then
   * the session itself.
   */
  endByUid(sessionUid: string): Promise<void>
  /** Because its owner says so: with all its grants and their tokens. */
  endByHash(db: Db, uidHash: Buffer): Promise<void>
  /** Every session of the account with every grant and token, but for one session and what it gave. */
  endAccess(db: Db, accountId: string, exceptUid?: string): Promise<void>
  /**
   * Ends what was not used for longest beyond `limit`. It is called once a new session stands, and not
   * before: of several that begin at one moment, whoever comes last sees all the others.
   */
  makeRoom(room: { accountId: string; limit: number }): Promise<void>
  /** Which clients take part in each session of the account. */
  listClients(db: Db, accountId: string): Promise<{ uidHash: Buffer; clientIds: string[] }[]>
}

export function createSessionEnder(deps: {
  stores: RecordStores
  codec: Codec
  provider(): Provider
}): SessionEnder {
  const { stores, codec } = deps

  async function tellClients(rows: readonly OidcRecord[]): Promise<void> {
    for (const { accountId, authorizations } of rows.map(read)) {
      for (const [clientId, { sid }] of Object.entries(authorizations)) {
        const client = await deps.provider().Client.find(clientId)
        if (!client?.backchannelLogoutUri || !accountId || !sid) continue
        await (client as unknown as Notifiable).backchannelLogout(accountId, sid)
      }
    }
  }

  function read(row: OidcRecord): { accountId?: string; authorizations: Authorizations } {
    const { accountId, authorizations = {} } = codec.decode(row) as Payload & {
      accountId?: string
      authorizations?: Authorizations
    }
    return { ...(accountId ? { accountId } : {}), authorizations }
  }

  function grantHashesOf(rows: readonly OidcRecord[], outlive: boolean): Buffer[] {
    return rows
      .flatMap((row) => Object.values(read(row).authorizations))
      .filter(({ persistsLogout }) => outlive || !persistsLogout)
      .flatMap(({ grantId }) => (grantId ? [codec.idHash(grantId)] : []))
  }

  async function endGrants(db: Db, grantHashes: readonly Buffer[]): Promise<void> {
    for (const idHash of grantHashes) {
      await deleteRecord(db, { model: 'Grant', idHash })
      await deleteRecordsOfGrant(db, idHash)
    }
  }

  async function recordsOf(db: Db, uidHash: Buffer): Promise<OidcRecord[]> {
    return (await listSessionRecords(db, uidHash)).map(({ record }) => record)
  }

  async function endRecords(db: Db, uidHash: Buffer, rows: readonly OidcRecord[]): Promise<void> {
    await endGrants(db, grantHashesOf(rows, true))
    await deleteSessions(db, [uidHash])
  }

  /** @returns the records of those that were ended */
  async function endForRoom(tx: Db, sessions: readonly Session[]): Promise<OidcRecord[]> {
    const ended: OidcRecord[] = []
    for (const { id, accountId, uidHash } of sessions) {
      const rows = await recordsOf(tx, uidHash)
      await endRecords(tx, uidHash, rows)
      await appendEvent(tx, sessionEnded({ accountId, sessionId: id, by: 'limit' }))
      ended.push(...rows)
    }
    return ended
  }

  const ender: SessionEnder = {
    async endByUid(sessionUid) {
      const unit = currentUnitOfWork()
      const rows = (await unit?.listSessions(codec.uidHash(sessionUid))) ?? []
      await tellClients(rows)
      await endGrants(stores.db, grantHashesOf(rows, false))
      for (const row of rows) unit?.destroy({ model: 'Session', idHash: row.idHash })
    },
    async endByHash(db, uidHash) {
      const rows = await recordsOf(db, uidHash)
      await tellClients(rows)
      await endRecords(db, uidHash, rows)
    },
    async endAccess(db, accountId, exceptUid) {
      const uidHash = exceptUid === undefined ? undefined : codec.uidHash(exceptUid)
      const all = await listSessionRecordsOfAccount(db, accountId)
      const isKept = (row: OidcRecord) => !!uidHash && !!row.uidHash?.equals(uidHash)
      await tellClients(all.filter((row) => !isKept(row)))
      const kept = uidHash && { uidHash, grantHashes: grantHashesOf(all.filter(isKept), true) }
      await deleteRecordsOfAccount(db, accountId, kept)
    },
    async makeRoom({ accountId, limit }) {
      const now = new Date()
      // Nearly everybody has room, and waits for nobody then.
      if ((await countSessions(stores.db, { accountId, now })) <= limit) return
      const ended = await inTransaction(stores.db, async (tx) => {
        await lockSessions(tx, accountId)
        const all = await listSessions(tx, { accountId, now })
        return await endForRoom(tx, all.slice(limit))
      })
      // Not in the transaction: it takes further connections, while each that waits for it holds one.
      await tellClients(ended)
    },
    async listClients(db, accountId) {
      const rows = await listSessionRecordsOfAccount(db, accountId)
      return rows.flatMap((row) =>
        row.uidHash
          ? [{ uidHash: row.uidHash, clientIds: Object.keys(read(row).authorizations) }]
          : [],
      )
    },
  }
  return ender
}
