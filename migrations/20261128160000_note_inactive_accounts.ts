import type { Knex } from 'knex'

/**
 * From when on the absence of an account counts: its making here, whatever an import says of its age,
 * or its enabling. For those that are there it is now, since sign-ins were not noted before. The
 * other two say when its owner was warned, and when it was disabled because nobody used it.
 */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    ALTER TABLE account
      ADD COLUMN idle_from timestamptz NOT NULL DEFAULT now(),
      ADD COLUMN inactive_warned_at timestamptz,
      ADD COLUMN inactive_disabled_at timestamptz`)
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw(`
    ALTER TABLE account
      DROP COLUMN idle_from, DROP COLUMN inactive_warned_at, DROP COLUMN inactive_disabled_at`)
}
