import type { Knex } from 'knex'

/**
 * Codes and sign-ins under way are short-lived, but many at once where many sign in: what ends
 * everything of one account, or of one account at one client, finds them without reading them all.
 */
const INDEXES = {
  oidc_record_authorization_code_account: 'oidc_record_authorization_code',
  oidc_record_device_code_account: 'oidc_record_device_code',
  authentication_attempt_account: 'authentication_attempt',
} as const

export async function up(knex: Knex): Promise<void> {
  for (const [name, table] of Object.entries(INDEXES)) {
    await knex.raw(`CREATE INDEX ${name} ON ${table} (account_id) WHERE account_id IS NOT NULL`)
  }
}

export async function down(knex: Knex): Promise<void> {
  for (const name of Object.keys(INDEXES)) await knex.raw(`DROP INDEX ${name}`)
}
