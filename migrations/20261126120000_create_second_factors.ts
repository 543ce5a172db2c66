import type { Knex } from 'knex'

/**
 * What a person proves besides a password, and what is counted against those who guess it. The
 * attempt to sign in now names every method that was proven; one of an earlier version names none
 * and was made with a password.
 */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    CREATE TABLE totp_credential (
      id uuid PRIMARY KEY,
      account_id uuid NOT NULL REFERENCES account (id) ON DELETE CASCADE,
      name text NOT NULL,
      secret_sealed bytea NOT NULL,
      created_at timestamptz NOT NULL,
      confirmed_at timestamptz,
      last_step bigint,
      last_used_at timestamptz
    )`)
  await knex.raw('CREATE INDEX totp_credential_account ON totp_credential (account_id)')
  await knex.raw(`
    CREATE TABLE recovery_code_set (
      account_id uuid PRIMARY KEY REFERENCES account (id) ON DELETE CASCADE,
      salt bytea NOT NULL,
      created_at timestamptz NOT NULL
    )`)
  await knex.raw(`
    CREATE TABLE recovery_code (
      account_id uuid NOT NULL REFERENCES recovery_code_set (account_id) ON DELETE CASCADE,
      hash bytea NOT NULL,
      used_at timestamptz,
      PRIMARY KEY (account_id, hash)
    )`)
  await knex.raw(`
    CREATE TABLE factor_guard (
      account_id uuid NOT NULL REFERENCES account (id) ON DELETE CASCADE,
      kind text NOT NULL,
      failures integer NOT NULL,
      window_began_at timestamptz NOT NULL,
      window_failures integer NOT NULL,
      PRIMARY KEY (account_id, kind)
    )`)
  await knex.raw(`
    CREATE TABLE trusted_device (
      id uuid PRIMARY KEY,
      account_id uuid NOT NULL REFERENCES account (id) ON DELETE CASCADE,
      token_hash bytea NOT NULL UNIQUE,
      user_agent text,
      created_at timestamptz NOT NULL,
      expires_at timestamptz NOT NULL
    )`)
  await knex.raw('CREATE INDEX trusted_device_account ON trusted_device (account_id)')
  await knex.raw('CREATE INDEX trusted_device_expires ON trusted_device (expires_at)')
  await knex.raw(`
    ALTER TABLE authentication_attempt
      ADD COLUMN methods text[] NOT NULL DEFAULT '{password}',
      ADD COLUMN refused_factors integer NOT NULL DEFAULT 0,
      ADD COLUMN completed_at timestamptz`)
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw(`
    ALTER TABLE authentication_attempt
      DROP COLUMN methods, DROP COLUMN refused_factors, DROP COLUMN completed_at`)
  for (const table of [
    'trusted_device',
    'factor_guard',
    'recovery_code',
    'recovery_code_set',
    'totp_credential',
  ]) {
    await knex.raw(`DROP TABLE ${table}`)
  }
}
