import {
  type Channel,
  FACTORS,
  type FieldsOf,
  KINDS,
  type MessageKind,
} from '../../../src/domain/messaging/kinds.ts'

const link = 'https://login.example.test/m?t=abc&next=%2Fa'
const at = '2026-11-26T09:30:00.000Z'
const NASTY = 'Ada <b>"&\u2028\'{{brand}} {client}'

/** Fields of every kind: as few as there may be, then everything, by a stranger who means ill. */
const SAMPLES: { [K in MessageKind]: FieldsOf<K>[] } = {
  verify_email: [
    { code: '123456', link },
    { code: '123456', link, client: NASTY },
  ],
  verify_phone: [{ code: '123456' }],
  already_registered: [{ link }],
  reset_password: [{ code: '123456', link }],
  password_kept: [{ source: NASTY }],
  sign_in_code: [{ code: '123456' }],
  second_factor_code: [{ code: '123456' }],
  magic_link: [{ link }],
  invitation: [
    { at, link },
    { at, link, client: NASTY },
  ],
  approval_requested: [{ client: 'Lantern' }, { client: NASTY, link }],
  token_reuse: [{ client: NASTY }],
  new_device: [
    { device: 'Firefox on Linux', at, link },
    { device: NASTY, place: 'München', at, link },
  ],
  unusual_sign_in: [
    { reason: 'travel', device: 'Firefox on Linux', at, link },
    { reason: 'new_country', device: NASTY, place: 'München', at, link },
    { reason: 'velocity', device: 'Firefox on Linux', at, link },
  ],
  password_changed: [{}],
  factor_added: FACTORS.flatMap((factor) => [{ factor }, { factor, name: NASTY }]),
  factor_removed: FACTORS.flatMap((factor) => [{ factor }, { factor, name: NASTY }]),
  identity_linked: [{ source: NASTY }],
  identity_unlinked: [{ source: NASTY }],
  email_changed: [{ newEmailMasked: 'a…a@example.test', link }],
  phone_changed: [{}, { newPhoneMasked: '+49…67' }],
  recovery_code_used: [{ left: 0 }, { left: 9 }],
  account_locked: [{}],
  account_deletion_scheduled: [{ at, link }],
  inactive_warning: [{ at }],
}

export type SampleMessage = {
  kind: MessageKind
  channel: Channel
  fields: Record<string, unknown>
}

export function allMessages(): SampleMessage[] {
  return (Object.keys(KINDS) as MessageKind[]).flatMap((kind) =>
    KINDS[kind].channels.flatMap((channel) =>
      SAMPLES[kind].map((fields) => ({ kind, channel, fields })),
    ),
  )
}
