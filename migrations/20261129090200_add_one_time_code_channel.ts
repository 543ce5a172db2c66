import type { Knex } from 'knex'

/** The way that a code went, which is what typing it proves. */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`ALTER TABLE one_time_code ADD COLUMN channel text NOT NULL DEFAULT 'email'`)
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw('ALTER TABLE one_time_code DROP COLUMN channel')
}
