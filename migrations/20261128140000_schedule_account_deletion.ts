import type { Knex } from 'knex'

/** When an account is going to be deleted, because its owner asked for it; empty for all others. */
export async function up(knex: Knex): Promise<void> {
  await knex.raw('ALTER TABLE account ADD COLUMN deletion_at timestamptz')
  await knex.raw(
    'CREATE INDEX account_deletion ON account (deletion_at) WHERE deletion_at IS NOT NULL',
  )
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw('ALTER TABLE account DROP COLUMN deletion_at')
}
