import pg from 'pg'
import type { Connection } from '../../test/support/postgres.ts'

/** A PostgreSQL that counts its statements, which costs each of them some microseconds. */

export const COUNTED = { shared_preload_libraries: 'pg_stat_statements' }

/** As whom to ask for the counts. */
export async function asSuperuser(connection: Connection): Promise<pg.Client> {
  const client = new pg.Client({ ...connection, user: 'postgres' })
  await client.connect()
  await client.query('CREATE EXTENSION IF NOT EXISTS pg_stat_statements')
  return client
}
