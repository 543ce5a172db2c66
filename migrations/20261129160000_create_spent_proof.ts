import type { Knex } from 'knex'

/** Proofs of work that were taken, from then until their end. */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    CREATE TABLE spent_proof (
      nonce bytea PRIMARY KEY,
      expires_at timestamptz NOT NULL
    )`)
  await knex.raw('CREATE INDEX spent_proof_expires ON spent_proof (expires_at)')
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw('DROP TABLE spent_proof')
}
