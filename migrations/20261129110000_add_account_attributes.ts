import type { Knex } from 'knex'

/**
 * What a deployment keeps of people beyond the standard claims, by its own schema; and when somebody
 * last put off what is asked after the sign-in without having to be answered.
 */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    ALTER TABLE account
      ADD COLUMN attributes jsonb NOT NULL DEFAULT '{}',
      ADD COLUMN profile_postponed_at timestamptz`)
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw(`
    ALTER TABLE account DROP COLUMN attributes, DROP COLUMN profile_postponed_at`)
}
