import type { Knex } from 'knex'

/**
 * One key for each account, under which the trail keeps what is personal in its entries. It goes with
 * the account, and what it sealed cannot be read by anybody any more; the entries stay, and their
 * chain with them.
 */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    CREATE TABLE subject_key (
      account_id uuid PRIMARY KEY REFERENCES account (id) ON DELETE CASCADE,
      key_sealed bytea NOT NULL
    )`)
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw('DROP TABLE subject_key')
}
