import type { Knex } from 'knex'

/** When somebody last said "not now" to setting up a second factor. */
export async function up(knex: Knex): Promise<void> {
  await knex.raw('ALTER TABLE account ADD COLUMN factor_offer_postponed_at timestamptz')
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw('ALTER TABLE account DROP COLUMN factor_offer_postponed_at')
}
