import type { Knex } from 'knex'

/** Relying parties and services, their secrets, the APIs they call, and what people allowed them. */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    CREATE TABLE client (
      client_id text PRIMARY KEY,
      name text NOT NULL,
      status text NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'disabled')),
      first_party boolean NOT NULL DEFAULT false,
      metadata jsonb NOT NULL,
      created_at timestamptz NOT NULL DEFAULT now(),
      updated_at timestamptz NOT NULL DEFAULT now()
    )`)
  await knex.raw(`
    CREATE TABLE client_secret (
      id uuid PRIMARY KEY,
      client_id text NOT NULL REFERENCES client (client_id) ON DELETE CASCADE,
      hash bytea NOT NULL,
      created_at timestamptz NOT NULL DEFAULT now(),
      expires_at timestamptz
    )`)
  await knex.raw('CREATE INDEX client_secret_client ON client_secret (client_id)')
  await knex.raw(`
    CREATE TABLE resource_server (
      identifier text PRIMARY KEY,
      name text NOT NULL,
      scopes jsonb NOT NULL DEFAULT '[]',
      access_token_format text NOT NULL DEFAULT 'jwt' CHECK (access_token_format IN ('jwt', 'opaque')),
      access_token_ttl_s integer,
      signing_algorithm text NOT NULL DEFAULT 'ES256',
      created_at timestamptz NOT NULL DEFAULT now(),
      updated_at timestamptz NOT NULL DEFAULT now()
    )`)
  await knex.raw(`
    CREATE TABLE consent (
      account_id uuid NOT NULL REFERENCES account (id) ON DELETE CASCADE,
      client_id text NOT NULL REFERENCES client (client_id) ON DELETE CASCADE,
      openid_scopes text[] NOT NULL DEFAULT '{}',
      openid_claims text[] NOT NULL DEFAULT '{}',
      resource_scopes jsonb NOT NULL DEFAULT '{}',
      granted_at timestamptz NOT NULL DEFAULT now(),
      updated_at timestamptz NOT NULL DEFAULT now(),
      PRIMARY KEY (account_id, client_id)
    )`)
  await knex.raw('CREATE INDEX consent_client ON consent (client_id)')
}

export async function down(knex: Knex): Promise<void> {
  for (const table of ['consent', 'resource_server', 'client_secret', 'client']) {
    await knex.raw(`DROP TABLE ${table}`)
  }
}
