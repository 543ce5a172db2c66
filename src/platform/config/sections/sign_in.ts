import { z } from 'zod'
import { integer, list, setting } from '../setting.ts'
import { pageUrl, webhookSecret, webUrl } from '../values.ts'

const mailDomain = z
  .string()
  .toLowerCase()
  .regex(/^(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9-]{2,63}$/, {
    error: 'must be a domain in its ASCII form, such as example.com',
  })

function isCountry(code: string): boolean {
  if (!/^[A-Z]{2}$/.test(code)) return false
  return new Intl.DisplayNames('en', { type: 'region', fallback: 'none' }).of(code) !== undefined
}

/** The standard claims that a person changes themselves; `src/domain/accounts/profile` has their fields. */
const ASKABLE =
  /^(name|given_name|middle_name|family_name|nickname|gender|birthdate|locale|zoneinfo|website|profile|picture|address)(\?)?$/

const askedClaim = z.string().transform((text, ctx) => {
  const [, claim, optional] = ASKABLE.exec(text) ?? []
  if (claim !== undefined) return { claim, required: optional === undefined }
  ctx.addIssue({
    code: 'custom',
    message: 'must be a standard claim that people change, such as given_name, or birthdate?',
  })
  return z.NEVER
})

/** Whether nobody gets in with a password alone. */
export function asksEverybody(mfa: string): boolean {
  return mfa === 'required' || mfa === 'phishing_resistant'
}

/** What people have to prove. */
export const signInSection = z.strictObject({
  mfa: setting(
    z
      .enum(['never', 'when_enrolled', 'optional', 'required', 'phishing_resistant'])
      .default('when_enrolled'),
    {
      env: 'AUTHCORE_MFA',
      doc: 'When a second factor is asked for: `never` (only where a client or a request asks for it with an `acr`), `when_enrolled` (of everybody who has one), `optional` (the same, and who has none is offered one within the sign-in, with "not now"), `required` (of everybody; who has none sets one up within the sign-in), or `phishing_resistant` (the same with a passkey or security key, which nothing else replaces).',
    },
  ),
  page: setting(z.enum(['one_page', 'identifier_first']).default('one_page'), {
    env: 'AUTHCORE_SIGN_IN_PAGE',
    doc: 'Whether the sign-in asks for the name and the password on `one_page`, or for the name first and for the password on a page of its own (`identifier_first`). Signing up has two pages then as well.',
  }),
  email: setting(z.enum(['off', 'code', 'link']).default('off'), {
    env: 'AUTHCORE_EMAIL_SIGN_IN',
    doc: 'Whether people may sign in by a mail instead of a password: with a `code` to type, or a `link` that fills it in. It is one factor. It needs a way to send mail.',
  }),
  smsSignIn: setting(z.enum(['off', 'code']).default('off'), {
    env: 'AUTHCORE_SMS_SIGN_IN',
    doc: 'Whether people may sign in by a `code` that goes to their proven telephone number, instead of a password. It is one factor. It needs a way to send SMS.',
  }),
  smsFactor: setting(z.enum(['off', 'beside_others', 'alone']).default('beside_others'), {
    env: 'AUTHCORE_SMS_SECOND_FACTOR',
    doc: 'Whether people may have a code by SMS stand as a second factor: `beside_others` (who has an authenticator or a passkey as well), `alone`, or `off`. Numbers are ported and messages read by others: NIST SP 800-63B-4 calls it restricted. It needs a way to send SMS.',
  }),
  phoneCountry: setting(
    z
      .string()
      .refine(isCountry, { error: 'must be a country of ISO 3166-1, such as DE' })
      .optional(),
    {
      env: 'AUTHCORE_PHONE_COUNTRY',
      doc: 'The country whose telephone numbers people may type as they are dialled there; others begin with `+` and the code of their country. A username of digits that reads as a number of this country is no username to sign in with.',
      defaultDoc: 'all numbers begin with `+`',
    },
  ),
  signUp: setting(z.enum(['closed', 'invite', 'open']).optional(), {
    env: 'AUTHCORE_SIGN_UP',
    doc: 'Whether people make accounts themselves, with an address that they prove by a code: everybody (`open`), who has an invitation (`invite`), or nobody (`closed`). An invitation of an operator counts in each of them; with `invite` the sign-in page says where one comes from. It needs a way to send the code.',
    defaultDoc: '`open` with the demonstration, otherwise `closed`',
  }),
  signUpBy: setting(z.enum(['email', 'phone', 'email_or_phone']).default('email'), {
    env: 'AUTHCORE_SIGN_UP_BY',
    doc: 'What they sign up with: an address (`email`), a telephone number (`phone`), or either (`email_or_phone`). An SMS to anybody costs money: see AUTHCORE_SMS_COUNTRIES and AUTHCORE_PROOF_OF_WORK.',
  }),
  usernames: setting(z.enum(['operator', 'self']).default('operator'), {
    env: 'AUTHCORE_USERNAMES',
    doc: 'Who gives people their usernames: an `operator`, or people themselves (`self`), on the account pages. Names that speak for the house, such as `admin`, are for operators to give.',
  }),
  signUpDomains: setting(list(mailDomain).default([]), {
    env: 'AUTHCORE_SIGN_UP_DOMAINS',
    doc: 'Mail domains whose people may sign up; empty for any.',
  }),
  proofOfWork: setting(z.enum(['off', 'on']).default('off'), {
    env: 'AUTHCORE_PROOF_OF_WORK',
    doc: 'Whether browsers do some work before a sign-up or a forgotten password is taken (ALTCHA), so that robots cannot send them by the thousand. These forms need JavaScript then.',
  }),
  proofOfWorkRounds: setting(integer(1, 1_000_000).default(5_000), {
    env: 'AUTHCORE_PROOF_OF_WORK_ROUNDS',
    doc: 'How many rounds of PBKDF2 each of the 256 tries takes that it needs on average. A browser does the default in about a second, an old telephone in ten.',
  }),
  termsUri: setting(pageUrl.optional(), {
    env: 'AUTHCORE_TERMS_URI',
    doc: 'Where the terms are that people accept when they sign up or sign in: https, outside production also http on localhost.',
    defaultDoc: 'none are asked to be accepted',
  }),
  termsVersion: setting(
    z
      .string()
      .trim()
      .regex(/^\P{C}{1,40}$/u, { error: 'must be 1 to 40 printable characters, such as 2026-11' })
      .optional(),
    {
      env: 'AUTHCORE_TERMS_VERSION',
      doc: 'Their version, such as `2026-11`. With another one everybody is asked again.',
    },
  ),
  profileSchema: setting(z.string().min(1).optional(), {
    env: 'AUTHCORE_PROFILE_SCHEMA',
    doc: 'A file with a JSON Schema (2020-12) of what is kept of people beside the standard claims: see docs/ACCOUNT.md.',
    defaultDoc: 'the standard claims only',
  }),
  profileAsk: setting(list(askedClaim).default([]), {
    env: 'AUTHCORE_PROFILE_ASK',
    doc: 'Standard claims that people are asked for after the sign-in where they are missing, such as `given_name,family_name,birthdate?`; one with a question mark can be put off.',
  }),
  accountDeletion: setting(z.enum(['self', 'operator']).default('self'), {
    env: 'AUTHCORE_ACCOUNT_DELETION',
    doc: 'Who deletes accounts: people their own (`self`), or an operator only.',
  }),
  deletionGraceDays: setting(integer(1, 90).default(14), {
    env: 'AUTHCORE_DELETION_GRACE_DAYS',
    doc: 'How many days somebody who deleted their account has to think better of it.',
  }),
  inactiveWarnDays: setting(integer(0, 3_650).default(0), {
    env: 'AUTHCORE_INACTIVE_WARN_DAYS',
    doc: 'After how many days without a sign-in people are told by mail that their account will be disabled or deleted; 0 tells nobody. It needs a way to send mail, and one of the next two.',
  }),
  inactiveDisableDays: setting(integer(0, 3_650).default(0), {
    env: 'AUTHCORE_INACTIVE_DISABLE_DAYS',
    doc: 'After how many days without a sign-in an account is disabled, and 7 days after its warning at the earliest; 0 disables none. See docs/OPERATIONS.md.',
  }),
  inactiveDeleteDays: setting(integer(0, 3_650).default(0), {
    env: 'AUTHCORE_INACTIVE_DELETE_DAYS',
    doc: 'After how many days without a sign-in an account is deleted, and 7 days after its warning at the earliest; 0 deletes none.',
  }),
  sessionsPerAccount: setting(integer(0, 10_000).default(100), {
    env: 'AUTHCORE_SESSIONS_PER_ACCOUNT',
    doc: 'How many sessions an account may have at the same time; with one more, the one that was not used for longest ends. 0 sets no limit.',
  }),
  trustedDeviceDays: setting(integer(0, 365).default(30), {
    env: 'AUTHCORE_TRUSTED_DEVICE_DAYS',
    doc: 'For how many days people may have a browser trusted, so that no second factor is asked for there; 0 offers it to nobody. An `acr` that a client or a request asks for is proven all the same.',
  }),
  legacyHook: setting(webUrl.optional(), {
    env: 'AUTHCORE_LEGACY_SIGN_IN_HOOK',
    doc: 'Where a name and password are posted as JSON, signed as Standard Webhooks are, if nobody here has the name; whom that system knows comes over with what it answers: see docs/IMPORT.md. An address in a private network, or http, must be in AUTHCORE_OUTBOUND_ALLOW.',
    defaultDoc: 'nobody is asked',
  }),
  legacyHookSecret: setting(webhookSecret.optional(), {
    env: 'AUTHCORE_LEGACY_SIGN_IN_HOOK_SECRET',
    doc: 'What these posts are signed with.',
    secret: true,
  }),
})
