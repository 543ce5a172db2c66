import type { Knex } from 'knex'

/**
 * Facts leave through the outbox in the transaction that made them true; the audit trail is the first
 * that receives them. Its rows are chained by hash, so a change or a gap is found.
 */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    CREATE TABLE event_outbox (
      id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
      event_id uuid NOT NULL,
      type text NOT NULL,
      subject text,
      occurred_at timestamptz NOT NULL DEFAULT now(),
      data json NOT NULL
    )`)
  await knex.raw(`
    CREATE TABLE audit_entry (
      seq bigint PRIMARY KEY,
      event_id uuid NOT NULL UNIQUE,
      type text NOT NULL,
      subject text,
      occurred_at timestamptz NOT NULL,
      data json NOT NULL,
      previous_hash bytea NOT NULL,
      hash bytea NOT NULL
    )`)
  await knex.raw('CREATE INDEX audit_entry_subject ON audit_entry (subject, seq)')
  await knex.raw('CREATE INDEX audit_entry_type ON audit_entry (type, seq)')
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw('DROP TABLE audit_entry')
  await knex.raw('DROP TABLE event_outbox')
}
