import type { Knex } from 'knex'

/**
 * Codes and links that prove who reads a mailbox. What they open, and for whom, is sealed with the
 * row; the code and the link are kept as keyed hashes. One browser has one of each purpose at a time.
 */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    CREATE TABLE one_time_code (
      id uuid PRIMARY KEY,
      purpose text NOT NULL,
      bound_hash bytea NOT NULL,
      account_id uuid REFERENCES account (id) ON DELETE CASCADE,
      payload_sealed bytea NOT NULL,
      code_hash bytea,
      link_hash bytea UNIQUE,
      tries integer NOT NULL DEFAULT 0,
      created_at timestamptz NOT NULL,
      expires_at timestamptz NOT NULL,
      UNIQUE (purpose, bound_hash)
    )`)
  await knex.raw('CREATE INDEX one_time_code_expires ON one_time_code (expires_at)')
  await knex.raw(
    'CREATE INDEX one_time_code_account ON one_time_code (account_id) WHERE account_id IS NOT NULL',
  )
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw('DROP TABLE one_time_code')
}
