import type { Knex } from 'knex'

/**
 * Sources of identities, who of them is whom here, and the sign-ins that are under way there. Secrets
 * of a connection are sealed apart from what may be read; what a sign-in needs to know again is sealed
 * in its row and goes with it.
 */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    CREATE TABLE connection (
      id uuid PRIMARY KEY,
      name text NOT NULL UNIQUE,
      kind text NOT NULL,
      status text NOT NULL CHECK (status IN ('active', 'disabled')),
      definition jsonb NOT NULL,
      secrets_sealed bytea,
      created_at timestamptz NOT NULL,
      updated_at timestamptz NOT NULL
    )`)
  await knex.raw(`
    CREATE TABLE identity (
      id uuid PRIMARY KEY,
      connection_id uuid NOT NULL REFERENCES connection (id) ON DELETE CASCADE,
      subject text NOT NULL,
      account_id uuid NOT NULL REFERENCES account (id) ON DELETE CASCADE,
      shown_as text,
      owns_account boolean NOT NULL,
      created_at timestamptz NOT NULL,
      last_used_at timestamptz,
      UNIQUE (connection_id, subject)
    )`)
  await knex.raw('CREATE INDEX identity_account ON identity (account_id)')
  await knex.raw(`
    CREATE TABLE federation_request (
      state_hash bytea PRIMARY KEY,
      connection_id uuid NOT NULL REFERENCES connection (id) ON DELETE CASCADE,
      request_sealed bytea NOT NULL,
      answer_sealed bytea,
      expires_at timestamptz NOT NULL
    )`)
  await knex.raw('CREATE INDEX federation_request_expires ON federation_request (expires_at)')
  await knex.raw(`
    CREATE TABLE pending_identity (
      interaction_hash bytea PRIMARY KEY,
      connection_id uuid NOT NULL REFERENCES connection (id) ON DELETE CASCADE,
      person_sealed bytea NOT NULL,
      expires_at timestamptz NOT NULL
    )`)
  await knex.raw('CREATE INDEX pending_identity_expires ON pending_identity (expires_at)')
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw('DROP TABLE pending_identity')
  await knex.raw('DROP TABLE federation_request')
  await knex.raw('DROP TABLE identity')
  await knex.raw('DROP TABLE connection')
}
