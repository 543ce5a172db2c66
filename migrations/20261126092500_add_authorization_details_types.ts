import type { Knex } from 'knex'

/**
 * The types of authorization details (RFC 9396) that a resource server understands. Programs of
 * before read and write the other columns and leave this one at its default.
 */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(
    "ALTER TABLE resource_server ADD COLUMN authorization_details_types jsonb NOT NULL DEFAULT '[]'",
  )
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw('ALTER TABLE resource_server DROP COLUMN authorization_details_types')
}
