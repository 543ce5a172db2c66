import type { Knex } from 'knex'

/**
 * Messages to people. Kept as what they say (kind and fields), not as text: they are written in a
 * language when they are shown or sent.
 */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    CREATE TABLE message (
      id uuid PRIMARY KEY,
      kind text NOT NULL,
      account_id uuid NOT NULL REFERENCES account (id) ON DELETE CASCADE,
      recipient text NOT NULL,
      fields json NOT NULL,
      created_at timestamptz NOT NULL
    )`)
  await knex.raw('CREATE INDEX message_created ON message (created_at DESC, id)')
  await knex.raw('CREATE INDEX message_account ON message (account_id)')
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw('DROP TABLE message')
}
