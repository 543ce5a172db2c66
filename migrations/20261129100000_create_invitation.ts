import type { Knex } from 'knex'

/**
 * Invitations to make an account. The token is kept as a keyed hash. Without an address whoever holds
 * the link may use it. Rows stay until they are over, so that an operator sees who came by which.
 */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    CREATE TABLE invitation (
      id uuid PRIMARY KEY,
      token_hash bytea NOT NULL UNIQUE,
      email text,
      email_canonical text,
      client_id text,
      created_by text NOT NULL,
      created_at timestamptz NOT NULL,
      expires_at timestamptz NOT NULL,
      used_at timestamptz,
      used_by uuid REFERENCES account (id) ON DELETE CASCADE,
      revoked_at timestamptz,
      CHECK ((email IS NULL) = (email_canonical IS NULL))
    )`)
  await knex.raw('CREATE INDEX invitation_expires_at ON invitation (expires_at)')
  await knex.raw('CREATE INDEX invitation_used_by ON invitation (used_by)')
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw('DROP TABLE invitation')
}
