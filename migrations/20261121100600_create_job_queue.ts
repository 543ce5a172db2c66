import type { Knex } from 'knex'
import { getConstructionPlans } from 'pg-boss'

/**
 * The tables of pg-boss, which carries our jobs, as the installed version wants them. It checks their
 * version when it starts: a release that brings a newer schema also brings a migration, which runs
 * `getMigrationPlans` where the version in `job_queue.version` is older. Made here, the server itself
 * needs no right to create anything.
 */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(forKnex(getConstructionPlans('job_queue')))
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw('DROP SCHEMA job_queue CASCADE')
}

/** The script without its own BEGIN and COMMIT: the migration's transaction holds them together. */
function forKnex(script: string): string {
  const inner = /^\s*BEGIN;(.*)COMMIT;\s*$/s.exec(script)?.[1]
  if (inner === undefined) throw new Error('the script of pg-boss is not one transaction')
  return inner.replaceAll('?', '\\?')
}
