import {
  ATTEMPT_COLUMNS,
  type AttemptRow,
  attemptFromRow,
  interactionHash,
} from '../../src/domain/authentication/attempt_store.ts'
import { createKeyring, type Keyring } from '../../src/platform/keys/keyring.ts'
import {
  type Db,
  observeStatements,
  openDb,
  query,
  queryOne,
} from '../../src/platform/persistence/db.ts'
import { type Connection, testDatabase } from '../support/postgres.ts'

export type DomainDatabase = { db: Db; connection: Connection; close(): Promise<void> }

/** A migrated database of its own and a pool to it. */
export async function domainDatabase(): Promise<DomainDatabase> {
  const { connection, drop } = await testDatabase()
  const db = openDb({ connection, poolMax: 20, timeoutMs: 10_000 })
  return {
    db,
    connection,
    close: async () => {
      await db.destroy()
      await drop()
    },
  }
}

export const keyring = createKeyring({
  encryptionKeys: [{ id: 'k1', key: Buffer.alloc(32, 'encryption') }],
  hashKey: Buffer.alloc(32, 'hash'),
})

/** A clock that stands still until it is moved. */
export function movableClock(start = new Date('2026-01-02T03:04:05.000Z')) {
  let now = start
  return {
    now: () => now,
    advance: (seconds: number) => {
      now = new Date(now.getTime() + seconds * 1000)
    },
  }
}

/** What was proven in an interaction and stands at that time. */
export async function findAttempt(db: Db, keys: Keyring, interactionUid: string, now: Date) {
  const row = await queryOne<AttemptRow>(
    db,
    `SELECT ${ATTEMPT_COLUMNS} FROM authentication_attempt
      WHERE interaction_hash = $1 AND expires_at > $2`,
    [interactionHash(keys, interactionUid), now],
  )
  return row && attemptFromRow(row)
}

/** The types of the events in the outbox about this subject, in their order. */
export async function eventTypes(db: Db, subject: string): Promise<string[]> {
  const rows = await query<{ type: string }>(
    db,
    'SELECT type FROM event_outbox WHERE subject = $1 ORDER BY id',
    [subject],
  )
  return rows.map(({ type }) => type)
}

/** The statements that `work` runs. */
export async function statementsOf(work: () => Promise<unknown>): Promise<string[]> {
  const texts: string[] = []
  const stop = observeStatements(({ text }) => texts.push(text))
  try {
    await work()
  } finally {
    stop()
  }
  return texts
}

/** The `code` of the DomainError that this rejects or throws with. */
export async function codeOf(work: () => unknown): Promise<string> {
  try {
    await work()
  } catch (error) {
    return String((error as { code?: unknown }).code)
  }
  return 'nothing was thrown'
}
