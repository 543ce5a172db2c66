import type { Knex } from 'knex'

const ABSENT_SINCE = 'greatest(idle_from, last_signed_in_at)'
const OURS = `deletion_at IS NULL AND (status = 'active' OR inactive_disabled_at IS NOT NULL)`

/**
 * Finds the accounts that nobody has used for longest. The second index leaves out whom a warning
 * would not reach or has reached: they would be looked at each minute until they are disabled. Apart
 * from the columns, whose lock nobody can read past; past that of an index everybody can.
 */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`CREATE INDEX account_idle ON account (status, ${ABSENT_SINCE}) WHERE ${OURS}`)
  await knex.raw(
    `CREATE INDEX account_idle_unwarned ON account (status, ${ABSENT_SINCE})
      WHERE ${OURS} AND email IS NOT NULL
        AND (inactive_warned_at IS NULL OR inactive_warned_at <= ${ABSENT_SINCE})`,
  )
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw('DROP INDEX account_idle')
  await knex.raw('DROP INDEX account_idle_unwarned')
}
