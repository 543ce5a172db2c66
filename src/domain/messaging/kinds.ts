import { z } from 'zod'

/**
 * Everything we ever write to people. A new kind is a row here and its words in six locales:
 * `message.<kind>.subject` and `.text`, `.action` where it has a link, `.sms` where it may go by SMS.
 */

/** `push`: to the browsers that its owner turned it on for. */
export type Channel = 'email' | 'sms' | 'push'

export type KindDefinition = {
  /** What the message says, besides its words. Plain JSON: no transforms. */
  fields: z.ZodObject
  /** The ways it may go; the first where nobody says. */
  channels: readonly [Channel, ...Channel[]]
  /** Whether whoever reads it gets in: a code or a link. Nothing of it is kept once it was sent. */
  secret: boolean
  /** Sentences that follow: `message.part.<note>`. */
  notes: readonly Note[]
  /** After so many seconds it is better not sent at all. */
  lifetimeS: number
  /** How often one recipient gets messages like this. */
  cap: CapName
}

export type Note = 'secret' | 'unasked' | 'not_you'

/** Messages to one recipient by one channel, counted by kinds of the same cap. */
export type Cap = { perHour: number; perDay: number }

export const CAPS = {
  /** What somebody may cause who knows nothing but the address. */
  stranger: { perHour: 5, perDay: 20 },
  /** What an application may cause; it must not use up the notices that would tell of an intruder. */
  application: { perHour: 20, perDay: 60 },
  /** What somebody may cause who has proven another factor. */
  proven: { perHour: 10, perDay: 30 },
  /** What an operator asks for, one by one. */
  operator: { perHour: 10, perDay: 30 },
  /** What happened to one's own account. */
  owner: { perHour: 30, perDay: 100 },
} as const satisfies Record<string, Cap>

export type CapName = keyof typeof CAPS

/** Ways to prove who one is, as messages name them: `message.factor.<name>`. */
export const FACTORS = [
  'password',
  'passkey',
  'totp',
  'recovery_codes',
  'email',
  'sms',
  'trusted_device',
] as const
export type Factor = (typeof FACTORS)[number]

const minute = 60
const hour = 60 * minute
const day = 24 * hour

const words = z.string().min(1).max(200)
const code = z.string().regex(/^[A-Za-z0-9-]{4,32}$/)
const link = z.url({ protocol: /^https?$/ }).max(2_000)
/** ISO 8601, UTC. */
const moment = z.iso.datetime()
const factor = z.enum(FACTORS)
const noFields = z.strictObject({})

export const KINDS = {
  verify_email: kind('stranger', {
    fields: z.strictObject({ code, link, client: words.optional() }),
    secret: true,
    notes: ['secret', 'unasked'],
    lifetimeS: hour,
  }),
  verify_phone: kind('stranger', {
    fields: z.strictObject({ code }),
    channels: ['sms'],
    secret: true,
    lifetimeS: 10 * minute,
  }),
  /** Somebody signs up with an address that has an account. */
  already_registered: kind('stranger', {
    fields: z.strictObject({ link }),
    channels: ['email', 'sms'],
    lifetimeS: hour,
  }),
  reset_password: kind('stranger', {
    fields: z.strictObject({ code, link }),
    channels: ['email', 'sms'],
    secret: true,
    notes: ['secret', 'unasked'],
    lifetimeS: hour,
  }),
  /** In place of a code for a new password, where a directory keeps the one of the account. */
  password_kept: kind('stranger', {
    fields: z.strictObject({ source: words }),
    channels: ['email', 'sms'],
    lifetimeS: hour,
  }),
  sign_in_code: kind('stranger', {
    fields: z.strictObject({ code }),
    channels: ['email', 'sms'],
    secret: true,
    notes: ['secret', 'unasked'],
    lifetimeS: 10 * minute,
  }),
  second_factor_code: kind('proven', {
    fields: z.strictObject({ code }),
    channels: ['sms', 'email'],
    secret: true,
    notes: ['secret', 'not_you'],
    lifetimeS: 10 * minute,
  }),
  magic_link: kind('stranger', {
    fields: z.strictObject({ link }),
    secret: true,
    notes: ['secret', 'unasked'],
    lifetimeS: 15 * minute,
  }),
  invitation: kind('operator', {
    fields: z.strictObject({ at: moment, link, client: words.optional() }),
    secret: true,
    notes: ['secret', 'unasked'],
  }),
  /** An application waits for the person's answer (CIBA). */
  approval_requested: kind('application', {
    fields: z.strictObject({ client: words, link: link.optional() }),
    channels: ['email', 'push'],
    lifetimeS: 10 * minute,
  }),
  /** A used code or refresh token came back, and the sign-in behind it was ended. */
  token_reuse: kind('owner', {
    fields: z.strictObject({ client: words }),
    channels: ['email', 'push'],
  }),
  new_device: kind('owner', {
    fields: z.strictObject({ device: words, place: words.optional(), at: moment, link }),
    channels: ['email', 'sms', 'push'],
    notes: ['not_you'],
  }),
  /** Something about a sign-in was unusual, and it was done all the same. */
  unusual_sign_in: kind('owner', {
    fields: z.strictObject({
      reason: z.enum(['travel', 'new_country', 'velocity']),
      device: words,
      place: words.optional(),
      at: moment,
      link,
    }),
    channels: ['email', 'sms', 'push'],
    notes: ['not_you'],
  }),
  password_changed: kind('owner', {
    fields: noFields,
    channels: ['email', 'sms', 'push'],
    notes: ['not_you'],
  }),
  factor_added: kind('owner', {
    fields: z.strictObject({ factor, name: words.optional() }),
    channels: ['email', 'sms', 'push'],
    notes: ['not_you'],
  }),
  factor_removed: kind('owner', {
    fields: z.strictObject({ factor, name: words.optional() }),
    channels: ['email', 'sms', 'push'],
    notes: ['not_you'],
  }),
  /** Something that its owner has elsewhere signs in to the account now. */
  identity_linked: kind('owner', {
    fields: z.strictObject({ source: words }),
    channels: ['email', 'sms', 'push'],
    notes: ['not_you'],
  }),
  identity_unlinked: kind('owner', {
    fields: z.strictObject({ source: words }),
    channels: ['email', 'sms', 'push'],
    notes: ['not_you'],
  }),
  /** To the old address; the link undoes it, so it is worth as much as a password. */
  email_changed: kind('owner', {
    fields: z.strictObject({ newEmailMasked: words, link: link.optional() }),
    channels: ['email', 'sms'],
    secret: true,
  }),
  /** Of a number that was taken away nothing is said but that. */
  phone_changed: kind('owner', {
    fields: z.strictObject({ newPhoneMasked: words.optional() }),
    channels: ['email', 'sms', 'push'],
    notes: ['not_you'],
  }),
  recovery_code_used: kind('owner', {
    fields: z.strictObject({ left: z.int().min(0).max(100) }),
    channels: ['email', 'sms', 'push'],
    notes: ['not_you'],
  }),
  account_locked: kind('owner', { fields: noFields, channels: ['email', 'sms', 'push'] }),
  account_deletion_scheduled: kind('owner', { fields: z.strictObject({ at: moment, link }) }),
  inactive_warning: kind('owner', {
    fields: z.strictObject({ at: moment }),
    channels: ['email', 'push'],
  }),
} as const satisfies Record<string, KindDefinition>

export type MessageKind = keyof typeof KINDS
export type FieldsOf<K extends MessageKind> = z.output<(typeof KINDS)[K]['fields']>

export function isKind(name: string): name is MessageKind {
  return Object.hasOwn(KINDS, name)
}

/** The kinds that are counted together. */
export function kindsUnder(cap: CapName): MessageKind[] {
  return (Object.keys(KINDS) as MessageKind[]).filter((name) => KINDS[name].cap === cap)
}

function kind<F extends z.ZodObject>(
  cap: CapName,
  {
    fields,
    channels = ['email'],
    secret = false,
    notes = [],
    lifetimeS = 3 * day,
  }: { fields: F } & Partial<Omit<KindDefinition, 'fields' | 'cap'>>,
) {
  return { fields, channels, secret, notes, lifetimeS, cap }
}
