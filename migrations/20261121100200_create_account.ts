import type { Knex } from 'knex'

/** The people, and the password as the first of their credentials. */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    CREATE TABLE account (
      id uuid PRIMARY KEY,
      status text NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'disabled')),
      username text,
      username_canonical text,
      email text,
      email_canonical text,
      email_verified boolean NOT NULL DEFAULT false,
      claims jsonb NOT NULL DEFAULT '{}',
      created_at timestamptz NOT NULL DEFAULT now(),
      updated_at timestamptz NOT NULL DEFAULT now(),
      CHECK (username_canonical IS NOT NULL OR email_canonical IS NOT NULL)
    )`)
  await knex.raw('CREATE UNIQUE INDEX account_username ON account (username_canonical)')
  await knex.raw('CREATE UNIQUE INDEX account_email ON account (email_canonical)')
  await knex.raw(`
    CREATE TABLE password_credential (
      account_id uuid PRIMARY KEY REFERENCES account (id) ON DELETE CASCADE,
      phc text NOT NULL,
      changed_at timestamptz NOT NULL DEFAULT now()
    )`)
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw('DROP TABLE password_credential')
  await knex.raw('DROP TABLE account')
}
