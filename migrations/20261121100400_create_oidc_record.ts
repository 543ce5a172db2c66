import type { Knex } from 'knex'

/**
 * What the protocol engine remembers, one partition per model. Ids are keyed hashes: whoever reads
 * this table holds no token. `consumed_at` is not indexed, so that consuming a row stays a HOT
 * update. The payload is `json`, not `jsonb`, which refuses U+0000 and unpaired surrogates that a
 * request may carry.
 */
const PARTITIONS = [
  'Session',
  'Interaction',
  'Grant',
  'AuthorizationCode',
  'AccessToken',
  'RefreshToken',
  'ClientCredentials',
  'DeviceCode',
  'PushedAuthorizationRequest',
] as const

const table = (model: string) => `oidc_record_${model.replace(/(?!^)[A-Z]/g, '_$&').toLowerCase()}`

export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    CREATE TABLE oidc_record (
      model text NOT NULL,
      id_hash bytea NOT NULL,
      grant_hash bytea,
      uid_hash bytea,
      user_code_hash bytea,
      account_id uuid,
      client_id text,
      payload json NOT NULL,
      sealed bytea,
      successor bytea,
      consumed_at timestamptz,
      created_at timestamptz NOT NULL DEFAULT now(),
      expires_at timestamptz,
      PRIMARY KEY (id_hash, model)
    ) PARTITION BY LIST (model)`)
  for (const model of PARTITIONS) {
    await knex.raw(
      `CREATE TABLE ${table(model)} PARTITION OF oidc_record FOR VALUES IN ('${model}') WITH (fillfactor = 80)`,
    )
    await knex.raw(`CREATE INDEX ON ${table(model)} (expires_at)`)
  }
  await knex.raw('CREATE INDEX ON oidc_record_session (uid_hash)')
  for (const model of ['Session', 'Grant', 'RefreshToken', 'AccessToken']) {
    await knex.raw(`CREATE INDEX ON ${table(model)} (account_id) WHERE account_id IS NOT NULL`)
  }
  await knex.raw('CREATE INDEX ON oidc_record_grant (client_id)')
  for (const model of ['AuthorizationCode', 'AccessToken', 'RefreshToken', 'DeviceCode']) {
    await knex.raw(`CREATE INDEX ON ${table(model)} (grant_hash) WHERE grant_hash IS NOT NULL`)
  }
  await knex.raw(
    'CREATE UNIQUE INDEX ON oidc_record_device_code (user_code_hash) WHERE user_code_hash IS NOT NULL',
  )
  await knex.raw(`
    CREATE TABLE replay_marker (
      id_hash bytea PRIMARY KEY,
      expires_at timestamptz NOT NULL
    )`)
  await knex.raw('CREATE INDEX ON replay_marker (expires_at)')
  await knex.raw(`
    CREATE TABLE revoked_token (
      jti_hash bytea PRIMARY KEY,
      expires_at timestamptz NOT NULL
    )`)
  await knex.raw('CREATE INDEX ON revoked_token (expires_at)')
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw('DROP TABLE revoked_token')
  await knex.raw('DROP TABLE replay_marker')
  await knex.raw('DROP TABLE oidc_record')
}
