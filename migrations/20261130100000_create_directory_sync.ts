import type { Knex } from 'knex'

/**
 * Runs that go through a whole directory. An identity keeps the run in which it was seen last, what was
 * found against it there, and since when it lets nobody in; there is no index on these, so that marking
 * the people of a page touches no index at all. The account keeps which connection has disabled it.
 */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    CREATE TABLE directory_sync (
      id uuid PRIMARY KEY,
      connection_id uuid NOT NULL REFERENCES connection (id) ON DELETE CASCADE,
      started_at timestamptz NOT NULL,
      ended_at timestamptz,
      holder uuid NOT NULL,
      held_until timestamptz NOT NULL,
      counts jsonb NOT NULL,
      outcome text CHECK (outcome IN ('synced', 'failed')),
      reason text,
      detail text,
      CHECK ((ended_at IS NULL) = (outcome IS NULL))
    )`)
  // One at a time, on however many nodes.
  await knex.raw(`
    CREATE UNIQUE INDEX directory_sync_running ON directory_sync (connection_id)
     WHERE ended_at IS NULL`)
  await knex.raw(
    'CREATE INDEX directory_sync_connection ON directory_sync (connection_id, started_at)',
  )
  await knex.raw(`
    ALTER TABLE identity
      ADD COLUMN seen_in uuid,
      ADD COLUMN fault text,
      ADD COLUMN barred_at timestamptz,
      SET (fillfactor = 80)`)
  await knex.raw('ALTER TABLE account ADD COLUMN disabled_by_connection uuid')
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw('ALTER TABLE account DROP COLUMN disabled_by_connection')
  await knex.raw(`
    ALTER TABLE identity
      DROP COLUMN seen_in,
      DROP COLUMN fault,
      DROP COLUMN barred_at,
      RESET (fillfactor)`)
  await knex.raw('DROP TABLE directory_sync')
}
