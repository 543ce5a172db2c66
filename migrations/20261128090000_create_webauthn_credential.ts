import type { Knex } from 'knex'

/**
 * Passkeys and security keys (WebAuthn), and the challenges that were answered already. A challenge
 * is not kept while it waits: it proves itself, and is remembered from its use until its end.
 */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    CREATE TABLE webauthn_credential (
      id uuid PRIMARY KEY,
      account_id uuid NOT NULL REFERENCES account (id) ON DELETE CASCADE,
      credential_id bytea NOT NULL UNIQUE,
      user_handle bytea NOT NULL,
      public_key bytea NOT NULL,
      sign_count bigint NOT NULL,
      name text NOT NULL,
      backup_eligible boolean NOT NULL,
      backed_up boolean NOT NULL,
      user_verified boolean NOT NULL,
      transports text[] NOT NULL,
      aaguid uuid NOT NULL,
      created_at timestamptz NOT NULL,
      last_used_at timestamptz
    )`)
  await knex.raw('CREATE INDEX webauthn_credential_account ON webauthn_credential (account_id)')
  await knex.raw(`
    CREATE TABLE webauthn_challenge (
      nonce bytea PRIMARY KEY,
      expires_at timestamptz NOT NULL
    )`)
  await knex.raw('CREATE INDEX webauthn_challenge_expires ON webauthn_challenge (expires_at)')
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw('DROP TABLE webauthn_challenge')
  await knex.raw('DROP TABLE webauthn_credential')
}
