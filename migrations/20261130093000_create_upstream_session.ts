import type { Knex } from 'knex'

/**
 * Which session at a source a session of ours came by, so that either ends with the other. Before the
 * engine has stored its session, the row hangs on the interaction; what a logout there takes is sealed.
 */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    CREATE TABLE upstream_session (
      id uuid PRIMARY KEY,
      identity_id uuid NOT NULL REFERENCES identity (id) ON DELETE CASCADE,
      interaction_hash bytea UNIQUE,
      uid_hash bytea,
      upstream_hash bytea,
      hint_sealed bytea,
      expires_at timestamptz NOT NULL
    )`)
  await knex.raw('CREATE INDEX upstream_session_identity ON upstream_session (identity_id)')
  await knex.raw('CREATE INDEX upstream_session_uid ON upstream_session (uid_hash)')
  await knex.raw('CREATE INDEX upstream_session_upstream ON upstream_session (upstream_hash)')
  await knex.raw('CREATE INDEX upstream_session_expires ON upstream_session (expires_at)')
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw('DROP TABLE upstream_session')
}
