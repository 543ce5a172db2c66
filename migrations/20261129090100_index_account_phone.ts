import type { Knex } from 'knex'

/** One account for each number. Apart from the columns, whose lock nobody can read past. */
export async function up(knex: Knex): Promise<void> {
  await knex.raw('ALTER TABLE account VALIDATE CONSTRAINT account_identifier')
  await knex.raw('CREATE UNIQUE INDEX account_phone ON account (phone) WHERE phone IS NOT NULL')
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw('DROP INDEX account_phone')
}
