import type { Knex } from 'knex'

/**
 * How far each file of accounts has been imported, and what of it was refused; both are written with
 * the accounts themselves. The index finds the hashes that came from elsewhere and wait for the first
 * sign-in of their owner, one kind after the other.
 */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    CREATE TABLE account_import (
      file_digest bytea PRIMARY KEY,
      position bigint NOT NULL DEFAULT 0,
      lines integer NOT NULL DEFAULT 0,
      imported integer NOT NULL DEFAULT 0,
      refused integer NOT NULL DEFAULT 0,
      started_at timestamptz NOT NULL,
      finished_at timestamptz
    )`)
  await knex.raw(`
    CREATE TABLE account_import_refusal (
      file_digest bytea NOT NULL REFERENCES account_import (file_digest) ON DELETE CASCADE,
      line integer NOT NULL,
      reason text NOT NULL,
      detail text,
      PRIMARY KEY (file_digest, line)
    )`)
  await knex.raw(`
    CREATE INDEX password_credential_foreign
        ON password_credential (split_part(phc, '$', 2), split_part(phc, '$', 3))
     WHERE phc NOT LIKE '$argon2id$%'`)
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw('DROP INDEX password_credential_foreign')
  await knex.raw('DROP TABLE account_import_refusal')
  await knex.raw('DROP TABLE account_import')
}
