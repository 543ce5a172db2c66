import { ACTIVITY_KINDS } from '../../src/domain/audit/account_activity.ts'
import type {
  AddressFieldName,
  ConnectionProblem,
  ProfileFieldView,
  ProfileProblem,
  StandardFieldName,
  ViewName,
  Views,
} from '../../src/platform/templating/views.ts'
import { qrCodeOf } from '../../src/web/qr_code.ts'

/**
 * What the tests of the pages render: of each view the least it can be given, and every other state a
 * person can meet.
 */
type Samples = { [V in ViewName]: { minimal: Views[V]; states: Record<string, Views[V]> } }

const client = {
  name: 'Lantern Books',
  logoUri: 'data:image/svg+xml,%3Csvg%20xmlns=%22http://www.w3.org/2000/svg%22/%3E',
  uri: 'https://lantern.example/',
}
const bare = { name: 'Lantern Books' }
const account = { name: 'Amira Haddad', email: 'amira.haddad@example.com' }
const form = { action: '/interaction/u1/step', csrf: 'csrf-token-1' }
const xsrfForm = { action: 'https://login.example.com/device', xsrf: 'xsrf-token-1' }
const restart = 'restart-token-1'

const login = { ...form, client: bare, login: '', cancelAction: '/interaction/u1/abort' }
const passwordPage = {
  ...form,
  client: bare,
  login: 'amira@example.com',
  switchUri: '/interaction/u1/login',
  cancelAction: '/interaction/u1/abort',
  cancelCsrf: 'csrf-token-2',
}
const consent = {
  ...form,
  client: bare,
  account: { name: 'amira' },
  scopes: [],
  resources: [],
  details: [],
  cancelAction: '/interaction/u1/abort',
}
const standardScopes = ['openid', 'profile', 'email', 'address', 'phone', 'offline_access']

const longName =
  'Donaudampfschifffahrtsgesellschaftskapitänsverwaltung International Holdings of Northern Europe'
const longEmail = `${'a-very-long-mailbox-name-'.repeat(3)}@${'department.'.repeat(6)}example.com`

const security = {
  page: 'security',
  account: { name: 'Amira' },
  csrf: 'csrf-token-1',
  minLength: 15,
  endOthers: true,
  authenticators: [{ id: 'a1', name: 'Phone', addedAt: '2026-03-01T10:00:00.000Z' }],
  recoveryCodesLeft: 1,
  devices: [],
} as const
function fieldOf(claim: StandardFieldName | AddressFieldName, value = ''): ProfileFieldView {
  return { claim, name: claim, value, control: 'text', required: false }
}
const addressFields: ProfileFieldView[] = [
  { ...fieldOf('street_address', '1 Rue de la Paix\nbis'), control: 'lines' },
  { ...fieldOf('postal_code', '75002'), autocomplete: 'postal-code' },
  { ...fieldOf('locality'), required: true, problem: 'required' },
  fieldOf('region'),
  fieldOf('country'),
]
const ownField = { name: 'attribute_x', title: 'Badge', value: '', required: false }
const department = [
  { value: 'engineering', title: 'Engineering', chosen: false },
  { value: 'press', title: longName, chosen: true },
]
const interests = [
  { value: 'novels', name: 'attribute_interests_0', title: 'Novels', chosen: true },
  { value: 'maps', name: 'attribute_interests_1', title: longName, chosen: false },
]
const ownFields: ProfileFieldView[] = [
  { ...ownField, name: 'attribute_a', control: 'text', inputMode: 'url' },
  { ...ownField, name: 'attribute_b', title: longName, description: longName, control: 'date' },
  { ...ownField, name: 'attribute_c', control: 'number', problem: 'too_large', limit: 5000 },
  { ...ownField, name: 'attribute_d', control: 'choice', options: department, problem: 'invalid' },
  { ...ownField, name: 'attribute_e', control: 'yes_no', value: 'false' },
  {
    ...ownField,
    name: 'attribute_interests',
    control: 'choices',
    description: 'What we may write to you about.',
    options: interests,
    problem: 'required',
  },
]
const everyProblem = (
  ['required', 'invalid', 'number', 'date', 'email', 'uri'] satisfies ProfileProblem[]
).map((problem): ProfileFieldView => {
  return { ...ownField, name: `attribute_${problem}`, control: 'text', problem }
})
const everyLimit = (
  ['too_short', 'too_long', 'too_small', 'too_large'] satisfies ProfileProblem[]
).map((problem): ProfileFieldView => {
  return { ...ownField, name: `attribute_${problem}`, control: 'text', problem, limit: 12 }
})
const profile = {
  ...form,
  page: 'profile',
  account: { name: 'Amira' },
  fields: [fieldOf('name', 'Amira')],
  addressFields: [],
  ownFields: [],
} as const
const completeProfile = {
  ...form,
  client: bare,
  fields: [{ ...fieldOf('given_name'), required: true }],
  addressFields: [],
  cancelAction: '/interaction/x/cancel',
  cancelCsrf: 'csrf-token-2',
}
const counts = {
  passkeys: 1,
  authenticators: 0,
  identities: 2,
  recovery_codes: 9,
  trusted_browsers: 2,
  sessions: 3,
  consents: 4,
  events: 10_000,
  messages: 12,
  notices: 5,
  notification_browsers: 1,
}
const accountTotp = {
  ...form,
  page: 'security',
  account: { name: 'Amira' },
  qrCode: qrCodeOf('otpauth://totp/AuthCore:ada?secret=JBSWY3DPEHPK3PXP'),
  secret: 'JBSW Y3DP EHPK 3PXP',
} as const

const accountEmail = {
  ...form,
  page: 'profile',
  account: { name: 'Amira' },
  email: '',
} as const

const waiting = {
  email: longEmail,
  code: '12345678',
  action: '/account/profile/email/code',
  anotherUri: '/account/profile/email?another',
}

const accountPhone = {
  ...form,
  page: 'profile',
  account: { name: 'Amira' },
  phone: '',
} as const

const waitingForSms = {
  phone: '+491711234567',
  action: '/account/profile/phone/code',
  anotherUri: '/account/profile/phone?another',
}

const accountPasskey = {
  ...form,
  page: 'security',
  account: { name: 'Amira' },
  options: '{}',
  name: '',
} as const

const invitation = { ...form, link: 'token-1' }
const signUp = { ...form, client: bare, by: 'email', login: '', name: '', minLength: 15 } as const
const signUpAddress = {
  ...form,
  client: bare,
  by: 'email',
  login: '',
} as const
const terms = { termsUri: 'https://login.example.com/terms', termsVersion: '2026-11' }
const acceptTerms = {
  ...form,
  client: bare,
  version: '2026-11',
  cancelAction: '/interaction/x/cancel',
  cancelCsrf: 'csrf-token-2',
}
const verifyEmail = {
  ...form,
  step: 'verify_email',
  sentTo: 'amira.haddad@example.com',
  code: '',
  resendAction: '/interaction/x/verify_email/resend',
} as const
const confirmSignIn = {
  ...form,
  client,
  cancelAction: '/x',
  cancelCsrf: 'csrf-token-2',
  signInUri: '/interaction/x/login',
  mailbox: 'a…a@example.com',
  sent: false,
}

const resetPassword = { ...form, code: '', endOthers: true, minLength: 15 }

const byMail = { ...form, by: 'email', signInUri: '/x' } as const
const askedByMail = { ...byMail, login: '' } as const
const bySms = { action: '/interaction/x/second_factor/sms', csrf: 'csrf-token-1', phone: '+49…67' }
const sms = { phone: '+491711234567', on: false, wantsAnother: false }
const secondFactor = {
  ...form,
  client: bare,
  method: 'totp',
  others: [],
  trustDays: 0,
  cancelAction: '/interaction/x/cancel',
  cancelCsrf: 'csrf-token-2',
} as const
const askedPasskey = { action: '/interaction/x/passkey', options: '{}' }

const enrolTotp = {
  ...form,
  client: bare,
  qrCode: qrCodeOf('otpauth://totp/AuthCore:ada?secret=JBSWY3DPEHPK3PXP'),
  secret: 'JBSW Y3DP EHPK 3PXP',
  cancelAction: '/interaction/x/cancel',
  cancelCsrf: 'csrf-token-2',
} as const

const linkAccount = {
  client: bare,
  source: 'Example Works',
  signInUri: '/interaction/x/login',
  cancelAction: '/interaction/x/cancel',
  csrf: 'csrf-token',
} as const

const confirmLink = {
  ...form,
  client: bare,
  source: 'Example Works',
  account: { name: 'Amira Haddad' },
  skipAction: '/interaction/x/link_account/skip',
  cancelAction: '/interaction/x/cancel',
  cancelCsrf: 'csrf-token-2',
} as const

const directoryPassword = {
  client: bare,
  source: 'Example Works',
  fault: 'must_change_password',
  otherUri: '/x',
  cancelAction: '/interaction/x/cancel',
  csrf: 'csrf-token',
} as const

const directoryChange = { action: '/x', csrf: 'csrf-token-2', source: 'works', login: 'amira' }

const enrolPasskey = {
  ...form,
  client: bare,
  options: '{}',
  name: '',
  cancelAction: '/interaction/x/cancel',
  cancelCsrf: 'csrf-token-2',
} as const

const connections = {
  page: 'security',
  account: { name: 'Amira' },
  csrf: 'csrf-token-1',
  identities: [],
  sources: [{ name: 'works', title: 'Example Works' }],
} as const

const joinIdentity = {
  ...form,
  page: 'security',
  account: { name: 'Amira' },
  source: 'Example Works',
  whom: 'whom-token-1',
} as const

export const samples: Samples = {
  'interactions/connection_failed': {
    minimal: {
      client: bare,
      reason: 'invalid',
      otherUri: '/x',
      cancelAction: '/interaction/x/cancel',
      csrf: 'csrf-token',
    },
    states: Object.fromEntries(
      (
        [
          'denied',
          'invalid',
          'too_weak',
          'not_permitted',
          'account_disabled',
          'unavailable',
        ] as const
      ).map((reason) => [
        reason,
        {
          client,
          reason,
          source: 'Example Works',
          againUri: '/x',
          otherUri: '/x',
          cancelAction: '/interaction/x/cancel',
          csrf: 'csrf-token',
        },
      ]),
    ),
  },
  'interactions/directory_password': {
    minimal: directoryPassword,
    states: Object.fromEntries([
      ...(['disabled', 'expired', 'locked', 'password_expired', 'not_permitted'] as const).map(
        (fault) => [fault, { ...directoryPassword, client, fault }],
      ),
      ...(
        ['missing_password', 'wrong_password', 'policy', 'not_allowed', 'unavailable'] as const
      ).map((error) => [error, { ...directoryPassword, change: directoryChange, error }]),
      ['change', { ...directoryPassword, client, change: directoryChange }],
    ]),
  },
  'interactions/unsolicited': {
    minimal: {
      client: { name: 'Lantern Books' },
      source: 'Acme',
      shownAs: 'amira@example.com',
      continueUri: '/federation/acme/launch',
    },
    states: {},
  },
  'interactions/link_account': {
    minimal: linkAccount,
    states: {
      newcomer: {
        ...linkAccount,
        client,
        shownAs: 'amira@example.com',
        create: { action: '/x', csrf: 'csrf-token-2' },
      },
    },
  },
  'interactions/confirm_link': {
    minimal: confirmLink,
    states: { full: { ...confirmLink, client, shownAs: 'amira@example.com' } },
  },
  'interactions/login': {
    minimal: login,
    states: {
      sources: {
        ...login,
        sources: [
          { name: 'works', title: 'Example Works', uri: '/x', usedLast: true },
          { name: 'other', title: 'Other', uri: '/x' },
        ],
      },
      codes: { ...login, codesUri: '/interaction/x/email_sign_in', withPhone: true },
      full: {
        ...login,
        signUpUri: '/interaction/x/sign_up',
        forgotUri: '/x',
        emailUri: '/x',
        client,
        login: 'amira@example.com',
        remember: true,
        restart,
      },
      passkey: { ...login, client, passkey: askedPasskey },
      by_invitation: { ...login, byInvitation: true },
      identifier_only: {
        ...login,
        client,
        passkey: askedPasskey,
        identifierOnly: true,
        signUpUri: '/interaction/x/sign_up',
      },
      missing_name: { ...login, identifierOnly: true, error: 'missing_login' },
      passkey_refused: { ...login, passkey: askedPasskey, error: 'passkey_refused' },
      refused: { ...login, client, login: 'amira@example.com', error: 'invalid_credentials' },
      refused_empty: { ...login, error: 'invalid_credentials' },
      missing_login: { ...login, error: 'missing_fields' },
      missing_password: { ...login, login: 'amira', error: 'missing_fields' },
      throttled_s: { ...login, error: 'too_many_attempts', retryAfterS: 45 },
      throttled_min: { ...login, error: 'too_many_attempts', retryAfterS: 300 },
      throttled_h: { ...login, error: 'too_many_attempts', retryAfterS: 7200 },
      throttled: { ...login, error: 'too_many_attempts' },
      long: { ...login, client: { name: longName }, login: longEmail },
    },
  },
  'interactions/password': {
    minimal: passwordPage,
    states: {
      full: { ...passwordPage, client, signUpUri: '/x', forgotUri: '/x', emailUri: '/x', restart },
      refused: { ...passwordPage, error: 'invalid_credentials' },
      missing_password: { ...passwordPage, error: 'missing_password' },
      throttled: { ...passwordPage, error: 'too_many_attempts', retryAfterS: 300 },
      long: { ...passwordPage, client: { name: longName }, login: longEmail },
    },
  },
  'interactions/terms': {
    minimal: acceptTerms,
    states: {
      full: { ...acceptTerms, client, termsUri: terms.termsUri, restart },
      long: {
        ...acceptTerms,
        client: { name: longName },
        termsUri: `https://login.example.com/${'terms/'.repeat(20)}`,
        version: 'x'.repeat(40),
      },
    },
  },
  'interactions/complete_profile': {
    minimal: completeProfile,
    states: {
      full: {
        ...completeProfile,
        client,
        restart,
        fields: [...completeProfile.fields, ...ownFields],
        addressFields,
        error: 'invalid',
      },
      optional: {
        ...completeProfile,
        client,
        fields: [fieldOf('nickname')],
        postponeAction: '/interaction/x/complete_profile/postpone',
      },
      long: { ...completeProfile, client: { name: longName }, fields: ownFields },
    },
  },
  'interactions/consent': {
    minimal: consent,
    states: {
      full: {
        ...consent,
        client: {
          ...client,
          policyUri: 'https://lantern.example/privacy',
          tosUri: 'https://lantern.example/terms',
          unverified: true,
          describedAt: 'https://lantern.example/client.json',
        },
        account,
        scopes: [
          ...standardScopes.map((name) => ({ name })),
          { name: 'loyalty', title: 'Your loyalty card', description: 'Its number and points.' },
          { name: 'reading_list' },
        ],
        resources: [
          {
            name: 'Lantern Library',
            scopes: [
              { name: 'loans:read', description: 'See what you have borrowed' },
              { name: 'loans:renew', description: 'Renew your loans' },
              { name: 'reserve' },
            ],
          },
          { name: 'Lantern Pay', scopes: [{ name: 'receipts', description: 'See receipts' }] },
        ],
        details: [
          {
            title: 'Pay once',
            description: 'Takes money from your account, once.',
            resource: 'Lantern Pay',
            lines: [
              { label: 'Amount · Currency', values: ['EUR'] },
              { label: 'Amount · Value', values: [123.5] },
              { label: 'At once', values: [true, false] },
              { label: 'Notes', values: ['<b>first</b>', 'second'] },
            ],
          },
        ],
        switchUri: '/interaction/u1/switch',
        restart,
      },
      usual: {
        ...consent,
        client: { ...client, policyUri: 'https://lantern.example/privacy' },
        account,
        scopes: [{ name: 'profile' }, { name: 'email' }],
        switchUri: '/interaction/u1/switch',
      },
      long: {
        ...consent,
        client: { name: longName, tosUri: 'https://lantern.example/terms', unverified: false },
        account: { name: longName, email: longEmail },
        scopes: [{ name: `https://api.example.com/${'auth/'.repeat(20)}` }],
        resources: [{ name: longName, scopes: [{ name: 'x'.repeat(120) }] }],
        details: [
          {
            title: longName,
            resource: longName,
            lines: [{ label: 'y'.repeat(120), values: ['z'.repeat(500)] }],
          },
        ],
      },
    },
  },
  'interactions/approvals': {
    minimal: {
      account: { name: 'amira' },
      action: '/ciba',
      requests: [
        {
          handle: 'h0',
          csrf: form.csrf,
          client: bare,
          askedAt: '2026-11-26T09:25:00.000Z',
          scopes: [],
          resources: [],
          details: [],
        },
      ],
    },
    states: {
      none: { account, switchUri: '/sign-in', action: '/ciba', requests: [] },
      full: {
        account,
        switchUri: '/sign-in',
        action: '/ciba',
        requests: [
          {
            handle: 'h1',
            csrf: form.csrf,
            client,
            bindingMessage: 'W4SCT at till 3',
            askedAt: '2026-11-26T09:25:00.000Z',
            scopes: [{ name: 'openid' }, { name: 'profile' }],
            resources: [{ name: 'Lantern Pay', scopes: [{ name: 'receipts' }] }],
            details: [
              {
                title: 'Pay once',
                resource: 'Lantern Pay',
                lines: [{ label: 'Amount', values: [12] }],
              },
            ],
          },
          {
            handle: 'h2',
            csrf: form.csrf,
            client: { name: longName },
            askedAt: '2026-11-26T09:26:00.000Z',
            scopes: [{ name: 'openid' }],
            resources: [],
            details: [],
          },
        ],
      },
    },
  },
  'interactions/approval_done': {
    minimal: { outcome: 'approved' },
    states: {
      denied: { outcome: 'denied', othersUri: '/ciba' },
      gone: { outcome: 'gone', othersUri: '/ciba' },
    },
  },
  'interactions/sign_up': {
    minimal: signUp,
    states: {
      proof: { ...signUp, proof: '{}', error: 'proof' },
      invited: { ...signUp, login: 'amira.haddad@example.com', loginFixed: true },
      full: { ...signUp, client, login: longEmail, name: longName, signInUri: '/x', restart },
      second: { ...signUp, client, login: longEmail, addressUri: '/interaction/x/sign_up' },
      second_phone: { ...signUp, by: 'phone', login: '+49171', addressUri: '/x' },
      missing_password: {
        ...signUp,
        login: longEmail,
        addressUri: '/x',
        error: 'missing_password',
      },
      missing: { ...signUp, error: 'missing_email' },
      unusable: { ...signUp, login: 'ada@', error: 'unusable_email' },
      phone: { ...signUp, by: 'phone', login: '+49 171 1234567' },
      missing_phone: { ...signUp, by: 'phone', error: 'missing_phone' },
      unusable_phone: { ...signUp, by: 'phone', login: '0171', error: 'unusable_phone' },
      other_country: { ...signUp, by: 'phone', error: 'other_country' },
      either: { ...signUp, by: 'email_or_phone' },
      missing_either: { ...signUp, by: 'email_or_phone', error: 'missing_email_or_phone' },
      unusable_either: { ...signUp, by: 'email_or_phone', error: 'unusable_email_or_phone' },
      other_domain: { ...signUp, error: 'other_domain' },
      closed: { ...signUp, error: 'closed' },
      terms: { ...signUp, ...terms },
      fields: { ...signUp, fields: ownFields, error: 'invalid_fields' },
      terms_ticked: { ...signUp, ...terms, termsAccepted: true, error: 'missing_email' },
      terms_unticked: { ...signUp, ...terms, error: 'terms_not_accepted' },
      throttled: { ...signUp, error: 'too_many_attempts' },
      too_short: { ...signUp, password: { reason: 'too_short', min: 15 } },
      too_long: { ...signUp, password: { reason: 'too_long', max: 256 } },
      unreadable: { ...signUp, password: { reason: 'unreadable' } },
      context: { ...signUp, password: { reason: 'context' } },
      common: { ...signUp, password: { reason: 'common' } },
      breached: { ...signUp, password: { reason: 'breached' } },
    },
  },
  'interactions/sign_up_address': {
    minimal: signUpAddress,
    states: {
      full: { ...signUpAddress, client, login: 'amira@example.com', signInUri: '/x', restart },
      missing: { ...signUpAddress, error: 'missing_email' },
      unusable: { ...signUpAddress, login: 'ada@', error: 'unusable_email' },
      phone: { ...signUpAddress, by: 'phone', error: 'missing_phone' },
      other_country: { ...signUpAddress, by: 'phone', login: '+1 5', error: 'other_country' },
      either: { ...signUpAddress, by: 'email_or_phone', error: 'missing_email_or_phone' },
      other_domain: { ...signUpAddress, login: longEmail, error: 'other_domain' },
      throttled: { ...signUpAddress, error: 'too_many_attempts' },
      long: { ...signUpAddress, client: { name: longName }, login: longEmail },
    },
  },
  'interactions/invitation': {
    minimal: invitation,
    states: { full: { ...invitation, restart }, over: { ...invitation, over: true } },
  },
  'interactions/verify_identifier': {
    minimal: verifyEmail,
    states: {
      full: {
        ...verifyEmail,
        client,
        code: '12345678',
        resent: true,
        signUpUri: '/interaction/x/sign_up',
        signInUri: '/interaction/x/login',
      },
      phone: {
        ...verifyEmail,
        step: 'verify_phone',
        sentTo: '+491711234567',
        signUpUri: '/interaction/x/sign_up',
      },
      missing: { ...verifyEmail, error: 'missing_code' },
      wrong: { ...verifyEmail, error: 'wrong_code' },
      throttled: { ...verifyEmail, error: 'too_many_codes' },
    },
  },
  'interactions/verify_elsewhere': { minimal: { code: '1234 5678' }, states: {} },
  'interactions/email_sign_in': {
    minimal: askedByMail,
    states: {
      full: { ...askedByMail, client, login: longEmail },
      missing: { ...askedByMail, error: 'missing_login' },
      throttled: { ...askedByMail, by: 'message', withPhone: true, error: 'too_many_attempts' },
    },
  },
  'interactions/email_code': {
    minimal: { ...byMail, code: '', againUri: '/x' },
    states: {
      full: { ...byMail, client, code: '12345678', remember: true, againUri: '/x' },
      wrong: { ...byMail, by: 'message', code: '', againUri: '/x', error: 'wrong_code' },
    },
  },
  'interactions/confirm_sign_in': {
    minimal: confirmSignIn,
    states: {
      sent: { ...confirmSignIn, sent: true },
      wrong: { ...confirmSignIn, sent: true, error: 'wrong_code' },
      throttled: { ...confirmSignIn, sent: true, error: 'too_many_attempts' },
    },
  },
  'interactions/forgot_password': {
    minimal: { ...form, login: '' },
    states: {
      proof: { ...form, login: '', proof: '{}', error: 'proof' },
      full: { ...form, client, login: longEmail, signInUri: '/interaction/x/login' },
      missing: { ...form, client, login: '', error: 'missing_login' },
      throttled: { ...form, client, login: 'ada', error: 'too_many_attempts' },
    },
  },
  'interactions/reset_password': {
    minimal: resetPassword,
    states: {
      full: { ...resetPassword, client, endOthers: false, againUri: '/x' },
      missing: { ...resetPassword, error: 'missing_fields' },
      wrong: { ...resetPassword, error: 'wrong_code' },
      weak: { ...resetPassword, code: '1234-5678', password: { reason: 'common' } },
    },
  },
  'interactions/reset_by_link': {
    minimal: { ...form, minLength: 15, link: 'abc', endOthers: true },
    states: {
      missing: { ...form, minLength: 15, link: 'abc', endOthers: true, error: 'missing_password' },
      ended: { ...form, minLength: 15, link: 'abc', endOthers: false, error: 'ended' },
      reverted: { ...form, minLength: 15, link: 'abc', endOthers: true, reverted: true },
    },
  },
  'interactions/revert_email': {
    minimal: { ...form, link: 'abc' },
    states: {
      ended: { ...form, link: 'abc', error: 'ended' },
      kept: { ...form, link: 'abc', keeper: 'Example Works' },
    },
  },
  'interactions/reset_factors': {
    minimal: { ...form, link: 'abc' },
    states: {
      ended: { ...form, link: 'abc', error: 'ended' },
      done: { ...form, link: 'abc', signInUri: '/account/security' },
    },
  },
  'interactions/password_changed': {
    minimal: {},
    states: { full: { client, signInUri: '/interaction/x/login' } },
  },
  'interactions/second_factor': {
    minimal: secondFactor,
    states: {
      full: {
        ...secondFactor,
        client,
        trustDays: 30,
        signInUri: '/interaction/x/login',
        trust: true,
        others: [
          { method: 'recovery_code', uri: '/interaction/x/second_factor?method=y' },
          { method: 'sms', uri: '/interaction/x/second_factor?method=sms' },
        ],
      },
      missing: { ...secondFactor, error: 'missing_code' },
      wrong: { ...secondFactor, trustDays: 1, error: 'wrong_code' },
      throttled: { ...secondFactor, error: 'too_many_codes' },
      sms: { ...secondFactor, method: 'sms', sms: { ...bySms, sent: false } },
      sms_sent: { ...secondFactor, method: 'sms', trustDays: 30, sms: { ...bySms, sent: true } },
      key: {
        ...secondFactor,
        method: 'webauthn',
        options: '{}',
        trustDays: 30,
        others: [{ method: 'totp', uri: '/x' }],
      },
      wrong_key: { ...secondFactor, method: 'webauthn', options: '{}', error: 'wrong_key' },
      paper: {
        ...secondFactor,
        method: 'recovery_code',
        others: [
          { method: 'webauthn', uri: '/x' },
          { method: 'totp', uri: '/x' },
        ],
      },
    },
  },
  'interactions/enrol_totp': {
    minimal: enrolTotp,
    states: {
      full: { ...enrolTotp, client, passkeyUri: '/x', postponeAction: '/x' },
      missing: { ...enrolTotp, error: 'missing_code' },
      wrong: { ...enrolTotp, error: 'wrong_code' },
      expired: { ...enrolTotp, error: 'expired' },
      too_many: { ...enrolTotp, error: 'too_many' },
    },
  },
  'interactions/enrol_passkey': {
    minimal: enrolPasskey,
    states: {
      full: { ...enrolPasskey, client, name: 'Linux', totpUri: '/x', postponeAction: '/x' },
      invalid: { ...enrolPasskey, error: 'invalid' },
      expired: { ...enrolPasskey, error: 'expired' },
      known: { ...enrolPasskey, error: 'known' },
      too_many: { ...enrolPasskey, error: 'too_many' },
      not_allowed: { ...enrolPasskey, error: 'not_allowed' },
    },
  },
  'interactions/recovery_codes': {
    minimal: { codes: ['k3f9-0qtz-7m2p-x8wd'], continueUri: '/interaction/x' },
    states: {
      full: {
        client,
        codes: Array.from({ length: 10 }, (_, i) => `k3f9-0qtz-7m2p-x8w${i}`),
        continueUri: '/interaction/x',
      },
    },
  },
  'interactions/select_account': {
    minimal: { ...form, client: bare, accounts: [{ id: 'a1', name: 'Amira' }] },
    states: {
      full: {
        ...form,
        client,
        accounts: [
          { id: 'a1', ...account },
          { id: 'a2', name: 'Jun Tanaka', email: 'jun@example.jp' },
          { id: 'a3', name: longName, email: longEmail },
        ],
        restart,
      },
    },
  },
  'interactions/device_code': {
    minimal: xsrfForm,
    states: {
      prefilled: { ...xsrfForm, userCode: 'BCDF-GHJK', csrf: 'csrf-token-1' },
      missing: { ...xsrfForm, error: 'missing' },
      not_found: { ...xsrfForm, userCode: 'BCDF-GHJK', error: 'not_found' },
      expired: { ...xsrfForm, userCode: 'BCDF-GHJK', error: 'expired' },
      already_used: { ...xsrfForm, userCode: 'BCDF-GHJK', error: 'already_used' },
      throttled: { ...xsrfForm, error: 'too_many_attempts', retryAfterS: 600 },
    },
  },
  'interactions/device_confirm': {
    minimal: { ...xsrfForm, client: bare, userCode: 'BCDF-GHJK' },
    states: {
      full: { ...xsrfForm, client, userCode: 'BCDF-GHJK', ip: '2001:db8::7:42' },
    },
  },
  'interactions/device_done': {
    minimal: { outcome: 'approved' },
    states: {
      approved: { outcome: 'approved', client },
      denied: { outcome: 'denied', client: bare },
    },
  },
  'interactions/logout': {
    minimal: xsrfForm,
    states: { full: { ...xsrfForm, client, account, csrf: 'csrf-token-1' } },
  },
  'interactions/logged_out': {
    minimal: {},
    states: {
      client: { client },
      uri: { continueUri: 'https://lantern.example/bye' },
      full: { client, continueUri: 'https://lantern.example/bye' },
    },
  },
  'interactions/continue': {
    minimal: { uri: '/authorize/u1' },
    states: { absolute: { uri: 'https://login.example.com/authorize/u1?a=1&b="2"' } },
  },
  'interactions/signing_out': {
    minimal: { uri: '/logout/success', frames: ['https://lantern.example/logout?sid=1'] },
    states: {
      several: {
        uri: 'https://lantern.example/?state=1&a="2"',
        frames: ['https://lantern.example/logout?sid=1', 'https://other.example/out?iss=a&sid=b'],
      },
    },
  },
  'interactions/submit': {
    minimal: { action: '/device', fields: [{ name: 'xsrf', value: 'xsrf-token-1' }] },
    states: {
      leaving: {
        action: 'https://lantern.example/callback?a=1&b=2',
        fields: [
          { name: 'state', value: '"><script>' },
          { name: 'xsrf', value: 'xsrf-token-1' },
        ],
      },
    },
  },
  'interactions/restart': {
    minimal: { reason: 'expired' },
    states: {
      expired: { reason: 'expired', restartUri: '/restart/1', client },
      cookies: { reason: 'cookies', restartUri: '/restart/1', client },
      finished: { reason: 'finished', client },
      finished_bare: { reason: 'finished', client: bare },
      changed: { reason: 'changed', restartUri: '/restart/1' },
    },
  },
  'account/overview': {
    minimal: { page: 'overview', account: { name: 'Amira' }, since: '2026-03-01T10:00:00.000Z' },
    states: {
      full: {
        page: 'overview',
        account,
        username: 'amira',
        emailVerified: true,
        phone: { number: '+491711234567', verified: true },
        since: '2026-03-01T10:00:00.000Z',
        switchUri: '/authorize?prompt=login',
        deletion: { uri: '/account/delete' },
      },
      scheduled: {
        page: 'overview',
        account,
        since: '2026-03-01T10:00:00.000Z',
        unread: 3,
        inboxUri: '/account/inbox',
        notificationsUri: '/account/notifications',
        deletion: {
          at: '2026-03-15T10:00:00.000Z',
          keepAction: '/account/delete/cancel',
          csrf: 'csrf-token-1',
        },
      },
      unverified: {
        page: 'overview',
        account: { name: longName, email: longEmail },
        emailVerified: false,
        since: '2026-03-01T10:00:00.000Z',
      },
    },
  },
  'account/data': {
    minimal: { ...form, page: 'overview', account: { name: 'Amira' }, counts },
    states: {
      full: {
        ...form,
        page: 'overview',
        account: { name: longName, email: longEmail },
        passwordChangedAt: '2026-03-01T10:00:00.000Z',
        counts,
      },
    },
  },
  'account/profile': {
    minimal: profile,
    states: {
      full: {
        ...profile,
        account,
        emailUri: '/account/profile/email',
        phoneUri: '/account/profile/phone',
        usernameUri: '/account/profile/username',
        saved: true,
        fields: [
          { ...fieldOf('name', longName), autocomplete: 'name' },
          fieldOf('given_name', 'Amira'),
          fieldOf('middle_name'),
          fieldOf('family_name', 'Haddad'),
          fieldOf('nickname', 'Ami'),
          fieldOf('gender'),
          { ...fieldOf('birthdate', '1990-12-31'), autocomplete: 'bday' },
          {
            ...fieldOf('locale', 'fr'),
            control: 'choice',
            options: [{ value: 'fr', title: 'français', chosen: true }],
          },
          fieldOf('zoneinfo', 'Europe/Paris'),
          fieldOf('website', 'https://example.com'),
          fieldOf('profile'),
          fieldOf('picture'),
        ],
        addressFields,
        ownFields,
      },
      faulty: {
        ...profile,
        error: 'invalid',
        fields: [
          { ...fieldOf('zoneinfo', 'Nowhere'), problem: 'invalid' },
          { ...fieldOf('name'), problem: 'required' },
        ],
        ownFields: [...everyProblem, ...everyLimit],
      },
    },
  },
  'account/delete': {
    minimal: { ...form, account: { name: 'Amira' }, graceDays: 14 },
    states: {
      done: {
        ...form,
        account,
        graceDays: 1,
        at: '2026-03-15T10:00:00.000Z',
      },
    },
  },
  'account/email': {
    minimal: accountEmail,
    states: {
      unusable: { ...accountEmail, email: 'nobody', error: 'unusable_email' },
      unchanged: { ...accountEmail, email: longEmail, error: 'unchanged' },
      too_many: { ...accountEmail, error: 'too_many' },
      pending: { ...accountEmail, waiting },
      wrong: { ...accountEmail, waiting, error: 'wrong_code' },
      changed: { ...accountEmail, changed: true },
    },
  },
  'account/phone': {
    minimal: accountPhone,
    states: {
      known: { ...accountPhone, current: '+491711234567', removeAction: '/x' },
      last: { ...accountPhone, current: '+491711234567', removeAction: '/x', error: 'last_name' },
      unusable: { ...accountPhone, phone: '0171', error: 'unusable_phone' },
      other_country: { ...accountPhone, phone: '+12133734253', error: 'other_country' },
      unchanged: { ...accountPhone, error: 'unchanged' },
      too_many: { ...accountPhone, error: 'too_many' },
      pending: { ...accountPhone, waiting: waitingForSms },
      wrong: { ...accountPhone, waiting: waitingForSms, error: 'wrong_code' },
      changed: { ...accountPhone, done: 'changed' },
      removed: { ...accountPhone, done: 'removed' },
    },
  },
  'account/security': {
    minimal: security,
    states: {
      full: {
        ...security,
        passwordChangedAt: '2026-03-01T10:00:00.000Z',
        recoveryCodesLeft: 9,
        authenticators: [
          { id: 'a1', name: '', addedAt: '2026-03-01T10:00:00.000Z' },
          {
            id: 'a2',
            name: longName.slice(0, 60),
            addedAt: '2026-03-01T10:00:00.000Z',
            usedAt: '2026-03-02T10:00:00.000Z',
          },
        ],
        passkeys: [
          { id: 'p1', name: '', sort: 'device', addedAt: '2026-03-01T10:00:00.000Z' },
          {
            id: 'p2',
            name: longName.slice(0, 60),
            sort: 'synced',
            addedAt: '2026-03-01T10:00:00.000Z',
            usedAt: '2026-03-02T10:00:00.000Z',
          },
          { id: 'p3', name: 'YubiKey', sort: 'key', addedAt: '2026-03-01T10:00:00.000Z' },
          { id: 'p4', name: 'Key <5>', sort: 'hardware', addedAt: '2026-03-01T10:00:00.000Z' },
        ],
        devices: [
          { id: 'd1', browser: 'Firefox', system: 'Linux', since: '2026-03-01T10:00:00.000Z' },
          { id: 'd2', since: '2026-03-01T10:00:00.000Z' },
        ],
      },
      missing: { ...security, passwordError: 'missing' },
      no_passkeys: { ...security, passkeys: [] },
      last_passkey: { ...security, passkeys: [], passkeyError: 'last_way_in' },
      passkey: { ...security, done: 'passkey' },
      passkey_removed: { ...security, done: 'passkey_removed' },
      passkey_renamed: { ...security, done: 'passkey_renamed' },
      wrong: { ...security, passwordError: 'wrong' },
      too_many: { ...security, passwordError: 'too_many' },
      weak: { ...security, password: { reason: 'common' }, endOthers: false },
      changed: { ...security, done: 'password' },
      added: { ...security, done: 'authenticator' },
      removed: { ...security, done: 'authenticator_removed' },
      distrusted: { ...security, done: 'device' },
      none: { ...security, authenticators: [] },
      kept: { ...security, passwordKeeper: 'Example Works' },
      connections: { ...security, connectionsUri: '/account/connections' },
      sms_none: { ...security, sms: { ...sms, phone: undefined } },
      sms_off: { ...security, sms },
      sms_on: { ...security, sms: { ...sms, on: true }, done: 'sms' },
      sms_alone: { ...security, sms: { ...sms, wantsAnother: true }, done: 'sms_removed' },
    },
  },
  'account/totp': {
    minimal: accountTotp,
    states: { wrong: { ...accountTotp, error: 'wrong_code' } },
  },
  'account/passkey': {
    minimal: accountPasskey,
    states: {
      known: { ...accountPasskey, error: 'known' },
      not_allowed: { ...accountPasskey, error: 'not_allowed' },
    },
  },
  'account/connections': {
    minimal: connections,
    states: {
      full: {
        ...connections,
        account,
        identities: [
          {
            id: 'i1',
            source: 'Example Works',
            shownAs: longEmail,
            since: '2026-03-01T10:00:00.000Z',
            usedAt: '2026-03-02T10:00:00.000Z',
            removable: true,
          },
          { id: 'i2', source: longName, since: '2026-03-01T10:00:00.000Z', removable: false },
          { id: 'i3', since: '2026-03-01T10:00:00.000Z', removable: false },
        ],
        sources: [
          { name: 'works', title: 'Example Works' },
          { name: 'b', title: longName.slice(0, 80) },
        ],
      },
      joined: { ...connections, done: { kind: 'joined', source: 'Example Works' } },
      removed: { ...connections, done: { kind: 'removed', source: 'Example Works' } },
      none: { ...connections, sources: [] },
      nameless: { ...connections, error: { kind: 'unavailable' } },
      last_way_in: {
        ...connections,
        error: { kind: 'last_way_in', source: 'Example Works' },
        waysOn: (['password', 'passkey', 'email', 'phone', 'identity'] as const).map((kind) => ({
          kind,
          uri: '/x',
        })),
      },
      ...Object.fromEntries(
        (
          [
            'denied',
            'invalid',
            'not_permitted',
            'taken',
            'joined',
            'lost',
            'owns_account',
          ] satisfies ConnectionProblem[]
        ).map((kind) => [
          `refused_${kind}`,
          { ...connections, error: { kind, source: 'Example Works' } },
        ]),
      ),
    },
  },
  'account/join_identity': {
    minimal: joinIdentity,
    states: { named: { ...joinIdentity, account, shownAs: longEmail } },
  },
  'account/sessions': {
    minimal: {
      page: 'sessions',
      account: { name: 'Amira' },
      csrf: 'csrf-token-1',
      sessions: [
        {
          id: 's1',
          current: true,
          strong: false,
          since: '2026-03-01T10:00:00.000Z',
          seenAt: '2026-03-01T10:00:00.000Z',
          applications: [],
        },
      ],
    },
    states: {
      full: {
        page: 'sessions',
        account,
        csrf: 'csrf-token-1',
        ended: true,
        sessions: [
          {
            id: 's1',
            browser: 'Firefox',
            system: 'Linux',
            current: true,
            address: '2001:db8:1234:5678:9abc:def0:1234:5678',
            place: 'Llanfairpwllgwyngyll, United Kingdom',
            strong: true,
            since: '2026-03-01T10:00:00.000Z',
            seenAt: '2026-03-02T10:00:00.000Z',
            applications: ['Lantern Books', longName],
          },
        ],
      },
    },
  },
  'account/activity': {
    minimal: {
      page: 'sessions',
      account: { name: 'Amira' },
      activities: [{ kind: 'recovery_code_used', at: '2026-03-01T10:00:00.000Z' }],
    },
    states: {
      none: {
        page: 'sessions',
        account,
        activities: [],
        newestUri: '/account/activity',
      },
      full: {
        page: 'sessions',
        account,
        activities: ACTIVITY_KINDS.map((kind) => ({
          kind,
          at: '2026-03-01T10:00:00.000Z',
          device: { browser: 'Firefox', system: 'Linux' },
          address: '2001:db8:1234:5678:9abc:def0:1234:5678',
          ...(kind === 'signed_in' ? { place: 'Llanfairpwllgwyngyll, United Kingdom' } : {}),
          application: longName,
          ...(kind === 'identity_linked' ? { source: longName } : {}),
        })),
        olderUri: '/account/activity?before=019abc',
        newestUri: '/account/activity',
      },
    },
  },
  'account/username': {
    minimal: { ...form, page: 'profile', account: { name: 'Amira' }, username: '' },
    states: {
      full: { ...form, page: 'profile', account, username: 'amira' },
      unusable: { ...form, page: 'profile', account, username: 'a', error: 'unusable' },
      reserved: { ...form, page: 'profile', account, username: 'admin', error: 'reserved' },
      taken: { ...form, page: 'profile', account, username: 'ada', error: 'taken' },
      unchanged: { ...form, page: 'profile', account, username: 'amira', error: 'unchanged' },
      too_many: { ...form, page: 'profile', account, username: 'amira', error: 'too_many' },
      changed: { ...form, page: 'profile', account, username: 'amira', changed: true },
    },
  },
  'account/data_page': {
    minimal: { page: 'overview', account: { name: 'Amira' }, parts: [] },
    states: {
      full: {
        page: 'overview',
        account,
        parts: [
          {
            kind: 'account',
            items: [
              [
                { name: 'email', value: longEmail },
                { name: 'claims.name', value: longName },
                { name: 'phone', value: '+491711234567' },
              ],
            ],
            more: 0,
          },
          {
            kind: 'events',
            items: [[{ name: 'type', value: 'auth.login.success' }]],
            more: 1,
          },
          ...[
            'invitation',
            'password',
            'passkeys',
            'authenticators',
            'identities',
            'recovery_codes',
            'trusted_browsers',
            'sessions',
            'sign_in_places',
            'consents',
            'notification_browsers',
            'notices',
            'messages',
          ].map((kind) => ({ kind, items: [[{ name: 'x', value: '1' }]], more: 0 })),
        ],
      },
    },
  },
  'account/inbox': {
    minimal: {
      ...form,
      page: 'overview',
      account: { name: 'Amira' },
      unread: 1,
      seen: '019abc',
      notices: [{ subject: 'S', text: 'T', at: '2026-03-01T10:00:00.000Z', isUnread: true }],
    },
    states: {
      none: { ...form, page: 'overview', account, unread: 0, seen: '', notices: [] },
      full: {
        ...form,
        page: 'overview',
        account,
        unread: 120,
        marked: true,
        seen: '019abc',
        notices: [
          {
            subject: 'New sign-in to your Lantern account',
            text: 'Your account was signed in to from a device that we did not know: Firefox, Linux.',
            at: '2026-03-01T10:00:00.000Z',
            isUnread: true,
            devicesUri: '/account/sessions',
          },
          {
            subject: 'Your password for Lantern was changed',
            text: 'The password of your account was just changed.',
            at: '2026-02-01T10:00:00.000Z',
            isUnread: false,
          },
        ],
        notificationsUri: '/account/notifications',
        olderUri: '/account/inbox?before=019abc',
        newestUri: '/account/inbox',
      },
      one: {
        ...form,
        page: 'overview',
        account,
        unread: 1,
        seen: '019abc',
        notices: [
          {
            subject: longName,
            text: longName,
            at: '2026-03-01T10:00:00.000Z',
            isUnread: true,
          },
        ],
      },
    },
  },
  'account/notifications': {
    minimal: {
      ...form,
      page: 'overview',
      account: { name: 'Amira' },
      devices: [{ id: '019abc', current: true, since: '2026-03-01T10:00:00.000Z' }],
    },
    states: {
      off: { ...form, page: 'overview', account, vapidKey: 'BAq-1_2', devices: [], done: 'off' },
      on: {
        ...form,
        page: 'overview',
        account,
        devices: [
          {
            id: '019abc',
            browser: 'Firefox',
            system: 'Linux',
            current: true,
            since: '2026-03-01T10:00:00.000Z',
          },
          { id: '019abd', current: false, since: '2026-02-01T10:00:00.000Z' },
        ],
        done: 'on',
      },
      not_taken: {
        ...form,
        page: 'overview',
        account,
        vapidKey: 'BAq-1_2',
        devices: [],
        error: 'not_taken',
      },
      other_service: {
        ...form,
        page: 'overview',
        account,
        vapidKey: 'BAq-1_2',
        devices: [],
        error: 'other_service',
      },
      too_many: {
        ...form,
        page: 'overview',
        account: { name: '+491711234567' },
        vapidKey: 'BAq-1_2',
        devices: [],
        error: 'too_many',
      },
    },
  },
  'account/applications': {
    minimal: {
      page: 'applications',
      account: { name: 'Amira' },
      csrf: 'csrf-token-1',
      applications: [
        {
          clientId: 'c1',
          name: 'c1',
          since: '2026-03-01T10:00:00.000Z',
          scopes: [],
          resources: [],
        },
      ],
    },
    states: {
      full: {
        page: 'applications',
        account,
        csrf: 'csrf-token-1',
        revoked: true,
        applications: [
          {
            clientId: 'c1',
            name: 'Lantern Books',
            logoUri: client.logoUri,
            since: '2026-03-01T10:00:00.000Z',
            scopes: [{ name: 'profile' }, { name: 'offline_access' }],
            resources: [{ name: 'Example API', scopes: [{ name: 'read' }] }],
          },
        ],
      },
      gone: {
        page: 'applications',
        account,
        csrf: 'csrf-token-1',
        applications: [],
        revoked: false,
      },
    },
  },
  'errors/error': {
    minimal: { kind: 'internal', referenceId: '01890000-0000-7000-8000-000000000000' },
    states: {
      bad_request: { kind: 'bad_request', referenceId: 'r1', backUri: '/' },
      unauthorized: { kind: 'unauthorized', referenceId: 'r1' },
      forbidden: { kind: 'forbidden', referenceId: 'r1' },
      not_found: { kind: 'not_found', referenceId: 'r1' },
      method_not_allowed: { kind: 'method_not_allowed', referenceId: 'r1' },
      too_large: { kind: 'too_large', referenceId: 'r1' },
      unsupported: { kind: 'unsupported', referenceId: 'r1' },
      too_many_requests: { kind: 'too_many_requests', referenceId: 'r1', retryAfterS: 30 },
      unavailable: { kind: 'unavailable', referenceId: 'r1', retryAfterS: 5 },
      invalid_client: { kind: 'invalid_client', referenceId: 'r1', client: bare },
      invalid_redirect_uri: {
        kind: 'invalid_redirect_uri',
        referenceId: '01890000-0000-7000-8000-000000000000',
        oauthError: {
          error: 'invalid_redirect_uri',
          description: "redirect_uri did not match any of the client's registered redirect_uris",
        },
        backUri: 'https://lantern.example/back',
        client,
      },
      invalid_request: {
        kind: 'invalid_request',
        referenceId: 'r1',
        oauthError: { error: 'invalid_request' },
      },
    },
  },
  'dev/inbox': {
    minimal: { messages: [] },
    states: {
      some: {
        messages: [
          {
            kind: 'verify_email',
            subject: 'Confirm your e-mail address',
            excerpt: 'Enter this code.\n\nYour code: 123456',
            recipient: account.email,
            state: 'sent',
            uri: '/dev/inbox/019abc',
            at: '2026-11-21T10:00:00.000Z',
          },
          {
            kind: 'sign_in_code',
            recipient: '+4930123456',
            state: 'queued',
            uri: '/dev/inbox/019abd',
            at: '2026-11-21T10:00:00.000Z',
          },
        ],
      },
    },
  },
  'dev/message': {
    minimal: {
      kind: 'sign_in_code',
      recipient: '+4930123456',
      state: 'sent',
      at: '2026-11-21T10:00:00.000Z',
    },
    states: {
      mail: {
        kind: 'verify_email',
        subject: 'Confirm your e-mail address',
        recipient: account.email,
        state: 'sent',
        at: '2026-11-21T10:00:00.000Z',
        lines: [
          [{ text: 'Your code: 123456' }],
          [],
          [
            { text: 'See ' },
            { text: 'https://login.example.test/x', uri: 'https://login.example.test/x' },
          ],
        ],
        htmlUri: '/dev/inbox/019abc/html',
      },
    },
  },
  'dev/previews': {
    minimal: { kinds: [] },
    states: { some: { kinds: [{ kind: 'verify_email', uri: '/dev/messages/verify_email' }] } },
  },
  'dev/preview': {
    minimal: {
      kind: 'verify_phone',
      language: 'ar',
      channels: [{ name: 'sms', uri: '/dev/messages/verify_phone/sms/ar', current: true }],
      locales: [{ locale: 'ar', uri: '/dev/messages/verify_phone/sms/ar', current: true }],
      lines: [[{ text: '123456' }]],
    },
    states: {
      mail: {
        kind: 'magic_link',
        language: 'en',
        channels: [{ name: 'email', uri: '/dev/messages/magic_link/email/en', current: true }],
        locales: [
          { locale: 'en', uri: '/dev/messages/magic_link/email/en', current: true },
          { locale: 'de', uri: '/dev/messages/magic_link/email/de', current: false },
        ],
        subject: 'Your link',
        lines: [[{ text: 'https://login.example.test/x', uri: 'https://login.example.test/x' }]],
        htmlUri: '/dev/messages/magic_link/email/en/html',
      },
    },
  },
  'home/index': {
    minimal: { issuer: 'https://login.example.com' },
    states: {
      development: {
        issuer: 'http://localhost:5001',
        demoUri: 'http://localhost:5002/',
        docsUri: 'https://docs.example.com/',
      },
    },
  },
}

/** Every sample as `[view, state, locals]`. */
export function allSamples(): [view: ViewName, state: string, locals: Views[ViewName]][] {
  return (Object.keys(samples) as ViewName[]).flatMap((view) =>
    Object.entries({ minimal: samples[view].minimal, ...samples[view].states }).map(
      ([state, locals]): [ViewName, string, Views[ViewName]] => [view, state, locals],
    ),
  )
}
