import type { Knex } from 'knex'

/**
 * Browsers that notices are pushed to. Each hangs on the session that it was turned on in and goes
 * with it; where the push service has it, and by which keys, is sealed in its row.
 */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    CREATE TABLE push_subscription (
      id uuid PRIMARY KEY,
      session_id uuid NOT NULL UNIQUE REFERENCES session (id) ON DELETE CASCADE,
      account_id uuid NOT NULL REFERENCES account (id) ON DELETE CASCADE,
      endpoint_hash bytea NOT NULL,
      subscription_sealed bytea NOT NULL,
      created_at timestamptz NOT NULL
    )`)
  await knex.raw('CREATE INDEX push_subscription_account ON push_subscription (account_id)')
  await knex.raw('CREATE INDEX push_subscription_endpoint ON push_subscription (endpoint_hash)')
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw('DROP TABLE push_subscription')
}
