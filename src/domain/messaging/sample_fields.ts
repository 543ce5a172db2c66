import type { FieldsOf, MessageKind } from './kinds.ts'

/** What a preview shows in the places of what a person would read. Nothing of it opens anything. */

const link = 'https://login.example.com/sample'
const at = '2026-01-31T12:00:00.000Z'
const code = '123456'

const SAMPLES: { readonly [K in MessageKind]: FieldsOf<K> } = {
  verify_email: { code, link, client: 'Lantern Books' },
  verify_phone: { code },
  already_registered: { link },
  reset_password: { code, link },
  password_kept: { source: 'Example Works' },
  sign_in_code: { code },
  second_factor_code: { code },
  magic_link: { link },
  invitation: { at, link, client: 'Lantern Books' },
  approval_requested: { client: 'Lantern Books', link },
  token_reuse: { client: 'Lantern Books' },
  new_device: { device: 'Firefox, Linux', place: 'Lisbon', at, link },
  unusual_sign_in: {
    reason: 'new_country',
    device: 'Firefox, Linux',
    place: 'Lisbon',
    at,
    link,
  },
  password_changed: {},
  factor_added: { factor: 'passkey', name: 'Laptop' },
  factor_removed: { factor: 'totp' },
  identity_linked: { source: 'Example Works' },
  identity_unlinked: { source: 'Example Works' },
  email_changed: { newEmailMasked: 'a…a@example.com', link },
  phone_changed: { newPhoneMasked: '+49…67' },
  recovery_code_used: { left: 9 },
  account_locked: {},
  account_deletion_scheduled: { at, link },
  inactive_warning: { at },
}

export function sampleFields<K extends MessageKind>(kind: K): FieldsOf<K> {
  return SAMPLES[kind]
}
