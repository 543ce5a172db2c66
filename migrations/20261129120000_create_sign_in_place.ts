import type { Knex } from 'knex'

/**
 * From where an account was signed in to, for as long as an unusual sign-in is told by it: one row
 * for each network. What a sign-in under way was found to be stands with its attempt.
 */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    CREATE TABLE sign_in_place (
      account_id uuid NOT NULL REFERENCES account (id) ON DELETE CASCADE,
      network_hash bytea NOT NULL,
      country text,
      latitude real,
      longitude real,
      radius_km integer,
      signed_in_at timestamptz,
      tried_at timestamptz NOT NULL,
      expires_at timestamptz NOT NULL,
      PRIMARY KEY (account_id, network_hash)
    )`)
  await knex.raw('CREATE INDEX sign_in_place_expires ON sign_in_place (expires_at)')
  await knex.raw('ALTER TABLE authentication_attempt ADD COLUMN risk jsonb')
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw('ALTER TABLE authentication_attempt DROP COLUMN risk')
  await knex.raw('DROP TABLE sign_in_place')
}
