import type { Knex } from 'knex'

/** Messages of sources that are good once, from when they were taken until they would be refused anyway. */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    CREATE TABLE seen_message (
      message_hash bytea PRIMARY KEY,
      expires_at timestamptz NOT NULL
    )`)
  await knex.raw('CREATE INDEX seen_message_expires ON seen_message (expires_at)')
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw('DROP TABLE seen_message')
}
