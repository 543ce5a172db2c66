import type { Knex } from 'knex'

/** Who accepted which version of the terms. What was accepted stays, whatever version came later. */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    CREATE TABLE terms_acceptance (
      account_id uuid NOT NULL REFERENCES account (id) ON DELETE CASCADE,
      version text NOT NULL,
      accepted_at timestamptz NOT NULL,
      PRIMARY KEY (account_id, version)
    )`)
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw('DROP TABLE terms_acceptance')
}
