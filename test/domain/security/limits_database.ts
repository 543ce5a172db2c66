import { randomBytes } from 'node:crypto'
import { createKeyring } from '../../../src/platform/keys/keyring.ts'
import { type Db, openDb } from '../../../src/platform/persistence/db.ts'
import { type TestDatabase, testDatabase } from '../../support/postgres.ts'

/** A migrated database of its own and a keyring, for the tests of limits. */
export type LimitsDatabase = { db: Db; database: TestDatabase; stop(): Promise<void> }

export async function openLimitsDatabase(): Promise<LimitsDatabase> {
  const database = await testDatabase()
  const db = openDb({ connection: database.connection, poolMax: 20, timeoutMs: 10_000 })
  return {
    db,
    database,
    async stop() {
      await db.destroy()
      await database.drop()
    },
  }
}

export const keyring = createKeyring({
  encryptionKeys: [{ id: 'k', key: randomBytes(32) }],
  hashKey: randomBytes(32),
})

/** How many of `count` attempts made at once were allowed. */
export async function allowedAtOnce(
  count: number,
  attempt: () => Promise<{ allowed: boolean }>,
): Promise<number> {
  const verdicts = await Promise.all(Array.from({ length: count }, attempt))
  return verdicts.filter(({ allowed }) => allowed).length
}
