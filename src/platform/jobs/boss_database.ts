import type { Db as BossDb } from 'pg-boss'
import { type Db, query } from '../persistence/db.ts'

/** The two ways in which pg-boss reaches PostgreSQL. Both are ours; it opens no connection itself. */

type Connection = {
  query(text: string, values?: unknown[]): Promise<{ rows: unknown[] }>
  __knex__disposed?: unknown
}
type Pool = {
  acquireConnection(): Promise<Connection>
  releaseConnection(connection: Connection): Promise<void>
}

/** For adding a job in the transaction, or on the pool, of whoever adds it. */
export function callersDatabase(db: Db): BossDb {
  return { executeSql: async (text, values = []) => ({ rows: await query(db, text, values) }) }
}

/**
 * For the rounds of the worker. A text without values may hold several statements with BEGIN and
 * COMMIT among them: one that fails halfway must not leave its transaction open in the pool.
 */
export function pooledDatabase(db: Db): BossDb {
  const pool = db.client as unknown as Pool
  return {
    async executeSql(text, values) {
      const connection = await pool.acquireConnection()
      try {
        return await connection.query(text, values)
      } catch (error) {
        await endTransaction(connection)
        throw error
      } finally {
        await pool.releaseConnection(connection)
      }
    },
  }
}

async function endTransaction(connection: Connection): Promise<void> {
  try {
    await connection.query('ROLLBACK')
  } catch (error) {
    connection.__knex__disposed = error // knex then throws the connection away
  }
}
