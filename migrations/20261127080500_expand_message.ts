import type { Knex } from 'knex'

/**
 * Messages that are really sent: by which channel, in which language, how far it came, and what a
 * provider calls it. What a message says is sealed now; the open `fields` stay for the code of
 * yesterday, whose messages were shown and never sent. A message need not be to somebody with an
 * account.
 */
export async function up(knex: Knex): Promise<void> {
  await knex.raw('ALTER TABLE message ALTER COLUMN account_id DROP NOT NULL')
  await knex.raw(`ALTER TABLE message ALTER COLUMN fields SET DEFAULT '{}'`)
  await knex.raw(`
    ALTER TABLE message
      ADD COLUMN channel text NOT NULL DEFAULT 'email',
      ADD COLUMN locale text NOT NULL DEFAULT 'en',
      ADD COLUMN state text NOT NULL DEFAULT 'sent',
      ADD COLUMN fields_sealed bytea,
      ADD COLUMN recipient_hash bytea,
      ADD COLUMN idempotency_key text UNIQUE,
      ADD COLUMN expires_at timestamptz,
      ADD COLUMN attempts integer NOT NULL DEFAULT 0,
      ADD COLUMN claimed_at timestamptz,
      ADD COLUMN transport text,
      ADD COLUMN provider_id text,
      ADD COLUMN sent_at timestamptz,
      ADD COLUMN settled_at timestamptz,
      ADD COLUMN failure text`)
  await knex.raw(
    'CREATE INDEX message_recipient ON message (recipient_hash, created_at) WHERE recipient_hash IS NOT NULL',
  )
  await knex.raw(
    'CREATE INDEX message_provider ON message (transport, provider_id) WHERE provider_id IS NOT NULL',
  )
  await knex.raw(
    `CREATE INDEX message_waiting ON message (created_at) WHERE state IN ('queued', 'sending')`,
  )
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw('DELETE FROM message WHERE account_id IS NULL')
  await knex.raw('DROP INDEX message_waiting')
  await knex.raw('DROP INDEX message_provider')
  await knex.raw('DROP INDEX message_recipient')
  await knex.raw(`
    ALTER TABLE message
      DROP COLUMN channel, DROP COLUMN locale, DROP COLUMN state, DROP COLUMN fields_sealed,
      DROP COLUMN recipient_hash, DROP COLUMN idempotency_key, DROP COLUMN expires_at,
      DROP COLUMN attempts, DROP COLUMN claimed_at, DROP COLUMN transport, DROP COLUMN provider_id,
      DROP COLUMN sent_at, DROP COLUMN settled_at, DROP COLUMN failure`)
  await knex.raw('ALTER TABLE message ALTER COLUMN fields DROP DEFAULT')
  await knex.raw('ALTER TABLE message ALTER COLUMN account_id SET NOT NULL')
}
