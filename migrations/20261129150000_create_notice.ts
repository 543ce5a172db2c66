import type { Knex } from 'knex'

/**
 * Notices about one's own account, kept for the person to read on the account pages. What each says
 * is sealed in its row; an event is told once, by its key.
 */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    CREATE TABLE notice (
      id uuid PRIMARY KEY,
      account_id uuid NOT NULL REFERENCES account (id) ON DELETE CASCADE,
      kind text NOT NULL,
      fields_sealed bytea NOT NULL,
      idempotency_key text NOT NULL UNIQUE,
      created_at timestamptz NOT NULL,
      read_at timestamptz
    )`)
  await knex.raw('CREATE INDEX notice_account ON notice (account_id, id)')
  await knex.raw('CREATE INDEX notice_created ON notice (created_at)')
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw('DROP TABLE notice')
}
