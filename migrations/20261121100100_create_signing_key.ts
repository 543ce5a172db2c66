import type { Knex } from 'knex'

/** One row per signing key. The two partial indexes make "one current and one next per algorithm" true. */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    CREATE TABLE signing_key (
      kid text PRIMARY KEY,
      algorithm text NOT NULL,
      state text NOT NULL CHECK (state IN ('next', 'current', 'previous', 'retired')),
      public_jwk jsonb NOT NULL,
      private_jwk_sealed bytea,
      created_at timestamptz NOT NULL,
      state_since timestamptz NOT NULL
    )`)
  await knex.raw(
    `CREATE UNIQUE INDEX signing_key_one_current ON signing_key (algorithm) WHERE state = 'current'`,
  )
  await knex.raw(
    `CREATE UNIQUE INDEX signing_key_one_next ON signing_key (algorithm) WHERE state = 'next'`,
  )
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw('DROP TABLE signing_key')
}
