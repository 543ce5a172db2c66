import type { Knex } from 'knex'

/**
 * A telephone number that an account signs in with, in E.164 form, which is its canonical one. Whether
 * it is a further factor as well is for its owner to say; `phone_factor_since` is when they did.
 */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    ALTER TABLE account
      ADD COLUMN phone text,
      ADD COLUMN phone_verified boolean NOT NULL DEFAULT false,
      ADD COLUMN phone_factor_since timestamptz,
      DROP CONSTRAINT account_check,
      ADD CONSTRAINT account_identifier CHECK (
        username_canonical IS NOT NULL OR email_canonical IS NOT NULL OR phone IS NOT NULL) NOT VALID`)
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw(`
    ALTER TABLE account
      DROP CONSTRAINT account_identifier,
      DROP COLUMN phone, DROP COLUMN phone_verified, DROP COLUMN phone_factor_since,
      ADD CONSTRAINT account_check CHECK (
        username_canonical IS NOT NULL OR email_canonical IS NOT NULL)`)
}
