import type { Knex } from 'knex'

/**
 * Clients that registered themselves (RFC 7591): where each client comes from, the tokens that let
 * somebody register, and what its own registration access token is found by. A client of an earlier
 * version was registered by an operator.
 */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`ALTER TABLE client ADD COLUMN origin text NOT NULL DEFAULT 'operator'`)
  await knex.raw(`
    CREATE TABLE registration_token (
      id uuid PRIMARY KEY,
      hash bytea NOT NULL UNIQUE,
      presets text[],
      uses_left integer NOT NULL CHECK (uses_left >= 0),
      created_at timestamptz NOT NULL,
      expires_at timestamptz NOT NULL
    )`)
  await knex.raw('CREATE INDEX registration_token_expires ON registration_token (expires_at)')
  await knex.raw(`
    CREATE TABLE client_registration (
      client_id text PRIMARY KEY REFERENCES client (client_id) ON DELETE CASCADE,
      access_token_hash bytea UNIQUE,
      presets text[] NOT NULL,
      created_at timestamptz NOT NULL,
      first_used_at timestamptz
    )`)
  await knex.raw(
    'CREATE INDEX client_registration_unused ON client_registration (created_at) WHERE first_used_at IS NULL',
  )
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw('DROP TABLE client_registration')
  await knex.raw('DROP TABLE registration_token')
  await knex.raw('ALTER TABLE client DROP COLUMN origin')
}
