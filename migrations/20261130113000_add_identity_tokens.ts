import type { Knex } from 'knex'

/** What a source gave for a person to be used in their name, sealed, where a connection keeps it. */
export async function up(knex: Knex): Promise<void> {
  await knex.raw('ALTER TABLE identity ADD COLUMN tokens_sealed bytea')
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw('ALTER TABLE identity DROP COLUMN tokens_sealed')
}
