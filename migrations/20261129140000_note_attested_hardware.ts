import type { Knex } from 'knex'

/** Whether the maker of an authenticator vouched, when it was enrolled, that its keys are in hardware. */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(
    'ALTER TABLE webauthn_credential ADD COLUMN hardware_attested boolean NOT NULL DEFAULT false',
  )
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw('ALTER TABLE webauthn_credential DROP COLUMN hardware_attested')
}
