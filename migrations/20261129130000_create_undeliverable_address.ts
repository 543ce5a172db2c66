import type { Knex } from 'knex'

/**
 * Addresses that mail comes back from for good, or whose owner called it a nuisance, by the keyed
 * hash of the canonical address. A message counts against its address once, whoever repeats the
 * report. The tokens of reports are kept where the signature covers nothing but them.
 */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    CREATE TABLE undeliverable_address (
      address_hash bytea PRIMARY KEY,
      reason text NOT NULL,
      transport text NOT NULL,
      since timestamptz NOT NULL,
      tried_at timestamptz NOT NULL
    )`)
  await knex.raw(`
    CREATE TABLE delivery_report_token (
      token_hash bytea PRIMARY KEY,
      expires_at timestamptz NOT NULL
    )`)
  await knex.raw('CREATE INDEX delivery_report_token_expires ON delivery_report_token (expires_at)')
  await knex.raw('ALTER TABLE message ADD COLUMN undeliverable_at timestamptz')
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw('ALTER TABLE message DROP COLUMN undeliverable_at')
  await knex.raw('DROP TABLE delivery_report_token')
  await knex.raw('DROP TABLE undeliverable_address')
}
