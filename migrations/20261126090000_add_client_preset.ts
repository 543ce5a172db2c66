import type { Knex } from 'knex'

/**
 * The preset whose demands a client keeps to. Null for clients of before, which keep to the rules for
 * everybody; the names are checked by the program that writes them, so that a new one needs no lock.
 */
export async function up(knex: Knex): Promise<void> {
  await knex.raw('ALTER TABLE client ADD COLUMN preset text')
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw('ALTER TABLE client DROP COLUMN preset')
}
