import type { Knex } from 'knex'

/** Requests for approval on another device (OpenID Connect CIBA), as the other records are stored. */
const TABLE = 'oidc_record_backchannel_authentication_request'

export async function up(knex: Knex): Promise<void> {
  await knex.raw(
    `CREATE TABLE ${TABLE} PARTITION OF oidc_record
       FOR VALUES IN ('BackchannelAuthenticationRequest') WITH (fillfactor = 80)`,
  )
  await knex.raw(`CREATE INDEX ON ${TABLE} (expires_at)`)
  await knex.raw(`CREATE INDEX ON ${TABLE} (account_id) WHERE account_id IS NOT NULL`)
  await knex.raw(`CREATE INDEX ON ${TABLE} (grant_hash) WHERE grant_hash IS NOT NULL`)
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw(`DROP TABLE ${TABLE}`)
}
