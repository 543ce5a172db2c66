import type { Knex } from 'knex'

/** What signing in remembers between two pages, and what it counts against those who guess. */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    CREATE TABLE authentication_attempt (
      interaction_hash bytea PRIMARY KEY,
      account_id uuid NOT NULL REFERENCES account (id) ON DELETE CASCADE,
      acr text NOT NULL,
      amr text[] NOT NULL,
      remember boolean NOT NULL DEFAULT false,
      authenticated_at timestamptz NOT NULL,
      expires_at timestamptz NOT NULL
    )`)
  await knex.raw('CREATE INDEX ON authentication_attempt (expires_at)')
  await knex.raw(`
    CREATE TABLE rate_limit (
      key varchar(255) PRIMARY KEY,
      points integer NOT NULL DEFAULT 0,
      expire bigint
    )`)
  await knex.raw('CREATE INDEX ON rate_limit (expire)')
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw('DROP TABLE rate_limit')
  await knex.raw('DROP TABLE authentication_attempt')
}
