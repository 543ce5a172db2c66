import type { Knex } from 'knex'

/**
 * Where people are signed in, for them to see and end: one row for each of the engine's sessions that
 * has an account, written with it and gone with it. The account remembers its last sign-in.
 */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    CREATE TABLE session (
      id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
      uid_hash bytea NOT NULL UNIQUE,
      account_id uuid NOT NULL,
      acr text,
      amr text[] NOT NULL,
      ip text,
      user_agent text,
      created_at timestamptz NOT NULL,
      last_seen_at timestamptz NOT NULL,
      expires_at timestamptz NOT NULL
    )`)
  await knex.raw('CREATE INDEX session_account ON session (account_id)')
  await knex.raw('CREATE INDEX session_expires ON session (expires_at)')
  await knex.raw('ALTER TABLE account ADD COLUMN last_signed_in_at timestamptz')
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw('ALTER TABLE account DROP COLUMN last_signed_in_at')
  await knex.raw('DROP TABLE session')
}
