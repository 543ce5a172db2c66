import type { Locale } from './i18n.ts'
import type { SafeHtml } from './safe_html.ts'

/**
 * The contract between those who answer requests and the templates in `views/`: each page by name,
 * with what it is given. Texts arrive as they are stored and are escaped where they are printed.
 * `*Uri` and `*Action` hold http(s) URLs or paths on our origin; any other counts as absent.
 */
export type Views = {
  'interactions/login': LoginLocals
  'interactions/password': PasswordLocals
  'interactions/connection_failed': ConnectionFailedLocals
  'interactions/link_account': LinkAccountLocals
  'interactions/unsolicited': UnsolicitedLocals
  'interactions/confirm_link': ConfirmLinkLocals
  'interactions/directory_password': DirectoryPasswordLocals
  'interactions/sign_up': SignUpLocals
  'interactions/sign_up_address': SignUpAddressLocals
  'interactions/invitation': InvitationLocals
  'interactions/verify_identifier': VerifyIdentifierLocals
  'interactions/verify_elsewhere': VerifyElsewhereLocals
  'interactions/email_sign_in': EmailSignInLocals
  'interactions/email_code': EmailCodeLocals
  'interactions/confirm_sign_in': ConfirmSignInLocals
  'interactions/forgot_password': ForgotPasswordLocals
  'interactions/reset_password': ResetPasswordLocals
  'interactions/reset_by_link': ResetByLinkLocals
  'interactions/revert_email': RevertEmailLocals
  'interactions/reset_factors': ResetFactorsLocals
  'interactions/password_changed': PasswordChangedLocals
  'interactions/second_factor': SecondFactorLocals
  'interactions/enrol_totp': EnrolTotpLocals
  'interactions/enrol_passkey': EnrolPasskeyLocals
  'interactions/recovery_codes': RecoveryCodesLocals
  'interactions/terms': TermsLocals
  'interactions/complete_profile': CompleteProfileLocals
  'interactions/consent': ConsentLocals
  'interactions/select_account': SelectAccountLocals
  'interactions/device_code': DeviceCodeLocals
  'interactions/device_confirm': DeviceConfirmLocals
  'interactions/device_done': DeviceDoneLocals
  'interactions/approvals': ApprovalsLocals
  'interactions/approval_done': ApprovalDoneLocals
  'interactions/logout': LogoutLocals
  'interactions/logged_out': LoggedOutLocals
  'interactions/continue': ContinueLocals
  'interactions/signing_out': SigningOutLocals
  'interactions/submit': SubmitLocals
  'interactions/restart': RestartLocals
  'account/overview': OverviewLocals
  'account/data': DataLocals
  'account/data_page': DataPageLocals
  'account/profile': ProfileLocals
  'account/delete': DeleteLocals
  'account/email': EmailLocals
  'account/username': UsernameLocals
  'account/phone': PhoneLocals
  'account/security': SecurityLocals
  'account/totp': TotpLocals
  'account/passkey': PasskeyLocals
  'account/connections': ConnectionsLocals
  'account/join_identity': JoinIdentityLocals
  'account/sessions': SessionsLocals
  'account/activity': ActivityLocals
  'account/inbox': NoticesLocals
  'account/notifications': NotificationsLocals
  'account/applications': ApplicationsLocals
  'errors/error': ErrorLocals
  'home/index': HomeLocals
  'dev/inbox': InboxLocals
  'dev/message': InboxMessageLocals
  'dev/previews': PreviewsLocals
  'dev/preview': PreviewLocals
}

export type ViewName = keyof Views

/** What every page needs, whichever it is. */
export type Page = {
  locale: Locale
  /** The language switch; no switch where empty or absent. The current locale may be among them. */
  localeLinks?: readonly LocaleLink[] | undefined
}

export type LocaleLink = { locale: Locale; href: string }

/** The application a person came from. */
export type ClientView = {
  name: string
  logoUri?: string | undefined
  /** Its home page: shown to compare, and the way back where a flow cannot go on. */
  uri?: string | undefined
}

export type AccountView = { name: string; email?: string | undefined }

/** The hidden fields of a form. */
type Form = {
  /** Where the form is posted. */
  action: string
  csrf: string
  /** Carried along, so that an expired form can offer to start again. */
  restart?: string | undefined
}

/** Forms whose receiver is the protocol library: `xsrf` is its own token. */
type ProtocolForm = { action: string; xsrf: string; csrf?: string | undefined }

export type LoginLocals = Form & {
  client: ClientView
  /** What was typed before, or the `login_hint`; may be empty. */
  login: string
  /** "Keep me signed in" was ticked before. */
  remember?: boolean | undefined
  error?:
    | 'invalid_credentials'
    | 'missing_fields'
    | 'missing_login'
    | 'too_many_attempts'
    | 'passkey_refused'
    | undefined
  passkey?: PasskeyView | undefined
  /** Where people may sign in instead. */
  sources?: readonly SourceView[] | undefined
  /** The password is asked for on the next page. */
  identifierOnly?: boolean | undefined
  retryAfterS?: number | undefined
  /** Posting here gives up and returns to the client. */
  cancelAction: string
  /** Accounts are made by invitation only. */
  byInvitation?: boolean | undefined
  /** Where an account can be made; absent where that is not offered. */
  signUpUri?: string | undefined
  forgotUri?: string | undefined
  /** Where one signs in by a mail. */
  emailUri?: string | undefined
  /** The same where an SMS will do as well. */
  codesUri?: string | undefined
  /** A telephone number is a name to sign in with here. */
  withPhone?: true | undefined
}

/** A source that people sign in at, and where the way there begins. */
export type SourceView = {
  name: string
  title: string
  uri: string
  /** By this browser. */
  usedLast?: true | undefined
}

/** Posts nothing but the proof, to give up. */
export type ConnectionFailedLocals = {
  client: ClientView
  reason: 'denied' | 'invalid' | 'too_weak' | 'not_permitted' | 'account_disabled' | 'unavailable'
  /** What it is called; absent where it is gone. */
  source?: string | undefined
  againUri?: string | undefined
  otherUri: string
  cancelAction: string
  csrf: string
}

/** A source has sent somebody with an answer that nobody asked for. */
export type UnsolicitedLocals = {
  client: ClientView
  source: string
  shownAs: string
  continueUri: string
}

/** Posts `source`, `current` and `password`, where another password can be given. */
export type DirectoryPasswordLocals = {
  client: ClientView
  source: string
  fault:
    | 'disabled'
    | 'expired'
    | 'locked'
    | 'must_change_password'
    | 'password_expired'
    | 'not_permitted'
  change?: { action: string; csrf: string; source: string; login: string } | undefined
  error?:
    | 'missing_password'
    | 'wrong_password'
    | 'policy'
    | 'not_allowed'
    | 'unavailable'
    | undefined
  otherUri: string
  cancelAction: string
  csrf: string
}

/** Posts nothing but the proof that it was this page. */
export type LinkAccountLocals = {
  client: ClientView
  source: string
  /** The name or address that they have there. */
  shownAs?: string | undefined
  signInUri: string
  /** For an account of their own; absent where they may have none. */
  create?: { action: string; csrf: string } | undefined
  cancelAction: string
  csrf: string
}

/** Posts nothing but the proof that it was this page. */
export type ConfirmLinkLocals = Form & {
  client: ClientView
  source: string
  shownAs?: string | undefined
  /** Whom it is joined to. */
  account: AccountView
  skipAction: string
  cancelAction: string
  cancelCsrf: string
}

/** Posts `password`. */
export type PasswordLocals = Form & {
  client: ClientView
  /** Whom it is about, as it was typed on the page before. */
  login: string
  /** Where somebody else is named. */
  switchUri: string
  /** Where an account can be made; absent where that is not offered. */
  signUpUri?: string | undefined
  error?: 'invalid_credentials' | 'missing_password' | 'too_many_attempts' | undefined
  retryAfterS?: number | undefined
  cancelAction: string
  cancelCsrf: string
  forgotUri?: string | undefined
  emailUri?: string | undefined
  /** The same where an SMS will do as well. */
  codesUri?: string | undefined
  /** A telephone number is a name to sign in with here. */
  withPhone?: true | undefined
}

/** A page whose script asks the browser for a passkey; see `views/assets/passkey.js`. */
export type PasskeyView = {
  /** Where `credential` is posted to. */
  action: string
  /** JSON, for the browser. */
  options: string
}

/** Why a new password is not taken. */
export type PasswordProblem = {
  reason: 'too_short' | 'too_long' | 'unreadable' | 'context' | 'common' | 'breached'
  min?: number | undefined
  max?: number | undefined
}

/** What a page needs that asks for a new password. */
type NewPassword = {
  /** The least number of characters. */
  minLength: number
  password?: PasswordProblem | undefined
}

/** What may be signed up with. */
type SignUpBy = 'email' | 'phone' | 'email_or_phone'

/** Posts `login`. */
export type SignUpAddressLocals = Form & {
  client: ClientView
  by: SignUpBy
  login: string
  error?:
    | `missing_${SignUpBy}`
    | `unusable_${SignUpBy}`
    | 'other_domain'
    | 'other_country'
    | 'too_many_attempts'
    | undefined
  signInUri?: string | undefined
}

/** Posts `login`, `name`, `password` and, where there are terms, their version as `terms`. */
export type SignUpLocals = Form &
  NewPassword & {
    client: ClientView
    by: SignUpBy
    login: string
    /** An invitation names it. */
    loginFixed?: boolean | undefined
    /** Where it was asked for, on a page before; absent where it is asked for here. */
    addressUri?: string | undefined
    name: string
    error?:
      | `missing_${SignUpBy}`
      | 'missing_password'
      | `unusable_${SignUpBy}`
      | 'other_domain'
      | 'other_country'
      | 'closed'
      | 'terms_not_accepted'
      | 'invalid_fields'
      | 'too_many_attempts'
      | 'proof'
      | undefined
    /** JSON, for `views/assets/proof.js`; absent where no proof of work is asked for. */
    proof?: string | undefined
    /** What the deployment asks besides. */
    fields?: readonly ProfileFieldView[] | undefined
    /** The terms to be accepted; absent where there are none. */
    termsUri?: string | undefined
    termsVersion?: string | undefined
    /** They were ticked before. */
    termsAccepted?: boolean | undefined
    signInUri?: string | undefined
  }

/** Posts `link`; with `over` there is nothing to post. */
export type InvitationLocals = Form & { link: string; over?: boolean | undefined }

/** Posts `code`; a new one is asked for at `resendAction`. */
export type VerifyIdentifierLocals = Form & {
  client?: ClientView | undefined
  step: 'verify_email' | 'verify_phone'
  /** The address or the number that the code went to. */
  sentTo: string
  /** Filled in by the link of the mail; otherwise empty. */
  code: string
  error?: 'missing_code' | 'wrong_code' | 'too_many_codes' | undefined
  resent?: boolean | undefined
  resendAction: string
  signUpUri?: string | undefined
  signInUri?: string | undefined
}

/** The link was opened in another browser than the one that signs up. */
export type VerifyElsewhereLocals = { code: string }

/** Posts `login`. */
export type ForgotPasswordLocals = Form & {
  client?: ClientView | undefined
  withPhone?: true | undefined
  login: string
  /** JSON, for `views/assets/proof.js`; absent where no proof of work is asked for. */
  proof?: string | undefined
  error?: 'missing_login' | 'too_many_attempts' | 'proof' | undefined
  signInUri?: string | undefined
}

/** Posts `login`. */
export type EmailSignInLocals = Form & {
  client?: ClientView | undefined
  by: CodesBy
  withPhone?: true | undefined
  login: string
  signInUri: string
  error?: 'missing_login' | 'too_many_attempts' | undefined
}

/** Posts `code` and maybe `remember=yes`. */
export type EmailCodeLocals = Form & {
  client?: ClientView | undefined
  by: CodesBy
  code: string
  remember?: boolean | undefined
  againUri: string
  signInUri: string
  error?: 'wrong_code' | undefined
}

/** Posts `send=yes`, or `code` once it was sent. */
export type ConfirmSignInLocals = Form & {
  client: ClientView
  signInUri: string
  cancelAction: string
  cancelCsrf: string
  /** The address the code goes to, so that its owner knows it and nobody else learns it. */
  mailbox: string
  sent: boolean
  error?: 'wrong_code' | 'too_many_attempts' | undefined
}

/** Posts `code`, `password` and maybe `end_others=yes`. */
export type ResetPasswordLocals = Form &
  NewPassword & {
    client?: ClientView | undefined
    code: string
    endOthers: boolean
    error?: 'missing_fields' | 'wrong_code' | undefined
    againUri?: string | undefined
  }

/** Posts `link`, `password` and maybe `end_others=yes`. */
export type ResetByLinkLocals = Form &
  NewPassword & {
    link: string
    /** The address was given back a moment ago. */
    reverted?: boolean | undefined
    endOthers: boolean
    error?: 'missing_password' | 'ended' | undefined
  }

/** Posts `link`. */
/** Posts `link`; with `keeper`, the directory that has the password, it is done. */
export type RevertEmailLocals = Form & {
  link: string
  error?: 'ended' | undefined
  keeper?: string | undefined
}

/** Posts `link`; with `signInUri` it is done. */
export type ResetFactorsLocals = Form & {
  link: string
  error?: 'ended' | undefined
  signInUri?: string | undefined
}

export type PasswordChangedLocals = {
  client?: ClientView | undefined
  signInUri?: string | undefined
}

/** Posts `method`, `code` (of a key: `credential`) and maybe `trust=yes`. */
export type SecondFactorLocals = Form & {
  client: ClientView
  method: SecondFactorName
  /** JSON, for the browser, where the method is a key. */
  options?: string | undefined
  /** Of a code by SMS: where one is asked for by POST, and the number it goes to; `sent` once it did. */
  sms?: { action: string; csrf: string; phone: string; sent: boolean } | undefined
  /** What else would do, by GET. */
  others: readonly { method: SecondFactorName; uri: string }[]
  /** For how many days the browser can be trusted; 0 where that is not offered. */
  trustDays: number
  trust?: boolean | undefined
  error?: 'missing_code' | 'wrong_code' | 'wrong_key' | 'too_many_codes' | undefined
  /** Where somebody else can sign in. */
  signInUri?: string | undefined
  cancelAction: string
  cancelCsrf: string
}

/** Mail alone, or mail and SMS. */
export type CodesBy = 'email' | 'message'

export type SecondFactorName = 'webauthn' | 'totp' | 'recovery_code' | 'sms'

/** Posts `credential` and `name`. */
export type EnrolPasskeyLocals = Form & {
  client: ClientView
  options: string
  name: string
  /** `not_allowed`: what made it is not among the authenticators that are taken here. */
  error?: 'invalid' | 'expired' | 'known' | 'too_many' | 'not_allowed' | undefined
  cancelAction: string
  cancelCsrf: string
  /** Where an authenticator can be set up instead; absent where that would not do. */
  totpUri?: string | undefined
  /** It is an offer, and this puts it off; absent where a second factor is needed. */
  postponeAction?: string | undefined
}

/** Posts `code`. */
export type EnrolTotpLocals = Form & {
  client: ClientView
  /** Where a passkey can be made instead. */
  passkeyUri?: string | undefined
  qrCode: { size: number; path: string }
  /** The same in letters, in groups. */
  secret: string
  error?: 'missing_code' | 'wrong_code' | 'expired' | 'too_many' | undefined
  /** It is an offer, and this puts it off; absent where a second factor is needed. */
  postponeAction?: string | undefined
  cancelAction: string
  cancelCsrf: string
}

/** Posts `version`. */
export type TermsLocals = Form & {
  client: ClientView
  /** Where they can be read. */
  termsUri?: string | undefined
  version: string
  cancelAction: string
  cancelCsrf: string
}

/** Shown once: nobody can look these codes up again. */
export type RecoveryCodesLocals = {
  client?: ClientView | undefined
  codes: readonly string[]
  continueUri: string
}

export type ConsentLocals = Form & {
  client: ClientView & {
    policyUri?: string | undefined
    tosUri?: string | undefined
    /** Nobody vouches for this application. */
    unverified?: boolean | undefined
    /** The address that is its client_id: its host is all that is known of it. */
    describedAt?: string | undefined
  }
  account: AccountView
  /** OpenID scopes; the texts of the standard ones come from the locale, others bring their own. */
  scopes: readonly ScopeView[]
  /** What is asked of each resource server. */
  resources: readonly { name: string; scopes: readonly ResourceScopeView[] }[]
  /** Authorization details (RFC 9396), each with everything that is in it. */
  details: readonly DetailView[]
  cancelAction: string
  /** Where another account can be chosen, by GET. */
  switchUri?: string | undefined
}

export type DetailView = {
  title: string
  description?: string | undefined
  /** The name of the API that it is for. */
  resource: string
  lines: readonly { label: string; values: readonly (string | number | boolean)[] }[]
}

export type ScopeView = {
  name: string
  title?: string | undefined
  description?: string | undefined
}

export type ResourceScopeView = { name: string; description?: string | undefined }

/** Posts `account=<id>`, or `another=yes`. */
export type SelectAccountLocals = Form & {
  client: ClientView
  accounts: readonly (AccountView & { id: string })[]
}

/** Posts `user_code`. */
export type DeviceCodeLocals = ProtocolForm & {
  userCode?: string | undefined
  error?: 'missing' | 'not_found' | 'expired' | 'already_used' | 'too_many_attempts' | undefined
  retryAfterS?: number | undefined
}

/** Posts `user_code` with `confirm=yes` or `abort=yes`. */
export type DeviceConfirmLocals = ProtocolForm & {
  client: ClientView
  userCode: string
  /** Where the device is, as far as we can tell. */
  ip?: string | undefined
}

export type DeviceDoneLocals = { outcome: 'approved' | 'denied'; client?: ClientView | undefined }

/** Posts `request` with `answer=approve` or `answer=deny`, one form for each request. */
export type ApprovalsLocals = {
  account: AccountView
  switchUri?: string | undefined
  action: string
  requests: readonly {
    handle: string
    csrf: string
    client: ClientView
    /** What the device shows too, to compare. */
    bindingMessage?: string | undefined
    /** ISO 8601. */
    askedAt: string
    scopes: readonly ScopeView[]
    resources: ConsentLocals['resources']
    details: readonly DetailView[]
  }[]
}

export type ApprovalDoneLocals = {
  outcome: 'approved' | 'denied' | 'gone'
  /** Where what else waits is. */
  othersUri?: string | undefined
}

/** Posts `logout=yes`, or without it where the person stays. */
export type LogoutLocals = ProtocolForm & {
  client?: ClientView | undefined
  account?: AccountView | undefined
}

export type LoggedOutLocals = {
  client?: ClientView | undefined
  continueUri?: string | undefined
}

/** Ends a redirect chain after a form: `form-action` holds for every hop of it. */
export type ContinueLocals = { uri: string }

/** Where the browser goes on, and what is loaded meanwhile; its policy has to name their origins. */
export type SigningOutLocals = { uri: string; frames: readonly string[] }

/** A form that sends itself. Its page needs a policy that runs scripts of our own origin. */
export type SubmitLocals = {
  action: string
  fields: readonly { name: string; value: string }[]
}

export type RestartLocals = {
  reason: 'expired' | 'cookies' | 'finished' | 'changed'
  restartUri?: string | undefined
  client?: ClientView | undefined
}

/** A page of the account: `page` is where its navigation stands. */
type AccountPage = {
  page: 'overview' | 'profile' | 'security' | 'sessions' | 'applications'
  account: AccountView
  /** How many notices of the inbox are unread, where the page tells. */
  unread?: number | undefined
}

export type OverviewLocals = AccountPage & {
  /** Where the inbox is, where there is one. */
  inboxUri?: string | undefined
  /** Where notices are pushed to this browser, where they can be. */
  notificationsUri?: string | undefined
  username?: string | undefined
  /** Undefined where there is no address. */
  emailVerified?: boolean | undefined
  /** Undefined where there is no number. */
  phone?: { number: string; verified: boolean } | undefined
  /** ISO 8601. */
  since: string
  switchUri?: string | undefined
  /** Where the account can be deleted, or when it will be gone and how it is kept. */
  deletion?: { uri: string } | { at: string; keepAction: string; csrf: string } | undefined
}

/** Everything that is held about somebody, by the names of the file. */
export type DataPageLocals = AccountPage & {
  parts: readonly {
    /** As the file names it. */
    kind: string
    items: readonly (readonly { name: string; value: string }[])[]
    /** How many more the file has. */
    more: number
  }[]
}

/** What is held about somebody; its form is answered with a file, or with a page. */
export type DataLocals = AccountPage &
  Form & {
    /** ISO 8601; undefined where there is no password. */
    passwordChangedAt?: string | undefined
    counts: {
      passkeys: number
      authenticators: number
      identities: number
      recovery_codes: number
      trusted_browsers: number
      sessions: number
      consents: number
      events: number
      messages: number
      notices: number
      notification_browsers: number
    }
  }

/** Posts each field by its name; what is empty is taken away. */
export type ProfileLocals = AccountPage &
  Form & {
    fields: readonly ProfileFieldView[]
    /** The parts of the postal address; a group of their own. */
    addressFields: readonly ProfileFieldView[]
    /** What the deployment keeps besides. */
    ownFields: readonly ProfileFieldView[]
    /** Where the address is changed; absent where there is no way to send mail. */
    emailUri?: string | undefined
    /** The same of the telephone number, and SMS. */
    phoneUri?: string | undefined
    /** Where people choose their username, where they do. */
    usernameUri?: string | undefined
    /** Some field is faulty. */
    error?: 'invalid' | undefined
    saved?: boolean | undefined
  }

/** Its words are in the locale under `claim`, or come with it. */
export type ProfileFieldView = {
  /** In the form; fields of several choices have one for each of `options`. */
  name: string
  claim?: StandardFieldName | AddressFieldName | undefined
  title?: string | undefined
  description?: string | undefined
  control: 'text' | 'lines' | 'date' | 'number' | 'choice' | 'yes_no' | 'choices'
  value: string
  options?: readonly { value: string; name?: string; title: string; chosen: boolean }[] | undefined
  required: boolean
  problem?: ProfileProblem | undefined
  /** The bound that was not kept. */
  limit?: number | undefined
  autocomplete?: string | undefined
  inputMode?: 'numeric' | 'decimal' | 'email' | 'url' | undefined
}

export type ProfileProblem =
  | 'required'
  | 'invalid'
  | 'too_short'
  | 'too_long'
  | 'too_small'
  | 'too_large'
  | 'number'
  | 'date'
  | 'email'
  | 'uri'

export type StandardFieldName =
  | 'name'
  | 'given_name'
  | 'middle_name'
  | 'family_name'
  | 'nickname'
  | 'gender'
  | 'birthdate'
  | 'locale'
  | 'zoneinfo'
  | 'website'
  | 'profile'
  | 'picture'

export type AddressFieldName = 'street_address' | 'postal_code' | 'locality' | 'region' | 'country'

/** Posts the fields; nothing but the proof where it is put off. */
export type CompleteProfileLocals = Form & {
  client: ClientView
  fields: readonly ProfileFieldView[]
  addressFields: readonly ProfileFieldView[]
  error?: 'invalid' | undefined
  /** Absent where something of it is needed. */
  postponeAction?: string | undefined
  cancelAction: string
  cancelCsrf: string
}

/** Posts to addresses below /account/security, each form with `csrf`. */
/** Posts nothing but the proof that it was this page. */
export type DeleteLocals = Form & {
  account: AccountView
  /** How many days there are to think better of it. */
  graceDays: number
  /** It is done: when the account will be gone. */
  at?: string | undefined
}

/** Posts `username`. */
export type UsernameLocals = AccountPage &
  Form & {
    username: string
    error?: 'unusable' | 'reserved' | 'taken' | 'unchanged' | 'too_many' | undefined
    changed?: boolean | undefined
  }

/** Posts `email`, and where a change waits for its code, `code` to the action of that. */
export type EmailLocals = AccountPage &
  Form & {
    email: string
    waiting?: { email: string; code: string; action: string; anotherUri: string } | undefined
    error?: 'unusable_email' | 'unchanged' | 'wrong_code' | 'too_many' | undefined
    changed?: boolean | undefined
  }

/** Posts `phone`, and where a change waits for its code, `code` to the action of that. */
export type PhoneLocals = AccountPage &
  Form & {
    phone: string
    waiting?: { phone: string; action: string; anotherUri: string } | undefined
    /** The number that the account has, and where it is taken away. */
    current?: string | undefined
    removeAction?: string | undefined
    error?:
      | 'unusable_phone'
      | 'other_country'
      | 'unchanged'
      | 'wrong_code'
      | 'too_many'
      | 'last_name'
      | undefined
    done?: 'changed' | 'removed' | undefined
  }

export type PasskeyRow = {
  id: string
  name: string
  /** Copied between devices, on one, in hardware as attested, or only beside a password. */
  sort: 'synced' | 'device' | 'hardware' | 'key'
  addedAt: string
  usedAt?: string | undefined
}

export type SecurityLocals = AccountPage &
  NewPassword & {
    csrf: string
    /** ISO 8601; undefined where there is no password. */
    passwordChangedAt?: string | undefined
    /** The directory that has the password, where none is chosen here. */
    passwordKeeper?: string | undefined
    passwordError?: 'missing' | 'wrong' | 'too_many' | undefined
    endOthers: boolean
    authenticators: readonly {
      id: string
      name: string
      addedAt: string
      usedAt?: string | undefined
    }[]
    recoveryCodesLeft: number
    devices: readonly {
      id: string
      browser?: string | undefined
      system?: string | undefined
      since: string
    }[]
    /** What is joined to the account, and what else could be; absent where there is neither. */
    connectionsUri?: string | undefined
    /** Absent where browsers make none for this deployment. */
    passkeys?: readonly PasskeyRow[] | undefined
    passkeyError?: 'last_way_in' | undefined
    /** Codes by SMS; absent where they are no factor here. */
    sms?:
      | {
          /** Undefined where none is proven. */
          phone?: string | undefined
          on: boolean
          /** Only beside another factor, which is not there. */
          wantsAnother: boolean
        }
      | undefined
    done?:
      | 'password'
      | 'authenticator'
      | 'authenticator_removed'
      | 'passkey'
      | 'passkey_removed'
      | 'passkey_renamed'
      | 'device'
      | 'sms'
      | 'sms_removed'
      | undefined
  }

/** Posts `code` and `name`. */
export type TotpLocals = AccountPage &
  Form & {
    qrCode: { size: number; path: string }
    secret: string
    error?: EnrolTotpLocals['error']
  }

/** Posts `credential` and `name`. */
export type PasskeyLocals = AccountPage &
  Form & {
    options: string
    name: string
    error?: EnrolPasskeyLocals['error']
  }

/** Posts `identity`, the id of the one that is to go, or `connection`, the name of where to join another. */
export type ConnectionsLocals = AccountPage & {
  csrf: string
  identities: readonly {
    id: string
    /** Absent where the source is not known here any more. */
    source?: string | undefined
    /** The name or address that its owner has there. */
    shownAs?: string | undefined
    /** ISO 8601. */
    since: string
    usedAt?: string | undefined
    /** Whether its owner may take it away. */
    removable: boolean
  }[]
  /** Where another one can be joined. */
  sources: readonly { name: string; title: string }[]
  done?: { kind: 'joined' | 'removed'; source: string } | undefined
  error?: { kind: ConnectionProblem; source?: string | undefined } | undefined
  /** What to set up first, where the last way to sign in was to be taken away. */
  waysOn?: readonly { kind: WayOn; uri: string }[] | undefined
}

export type ConnectionProblem =
  | 'denied'
  | 'invalid'
  | 'not_permitted'
  | 'unavailable'
  | 'taken'
  | 'joined'
  | 'lost'
  | 'last_way_in'
  | 'owns_account'

export type WayOn = 'password' | 'passkey' | 'email' | 'phone' | 'identity'

/** Posts `whom`, a proof of who is shown. */
export type JoinIdentityLocals = AccountPage &
  Form & {
    source: string
    /** The name or address that the person has there. */
    shownAs?: string | undefined
    whom: string
  }

/** Posts `session`, the id of the one that is to end. */
export type SessionsLocals = AccountPage & {
  csrf: string
  sessions: readonly {
    id: string
    browser?: string | undefined
    system?: string | undefined
    /** The one that looks at the page. */
    current: boolean
    address?: string | undefined
    /** About where that is, in words. */
    place?: string | undefined
    /** Begun with more than a password. */
    strong: boolean
    since: string
    seenAt: string
    applications: readonly string[]
  }[]
  ended?: boolean | undefined
}

export type ActivityLocals = AccountPage & {
  activities: readonly {
    kind: ActivityName
    /** ISO 8601. */
    at: string
    /** Absent where no browser had part in it. */
    device?: { browser?: string | undefined; system?: string | undefined } | undefined
    address?: string | undefined
    /** About where that is, in words. */
    place?: string | undefined
    application?: string | undefined
    /** What of elsewhere it is about. */
    source?: string | undefined
  }[]
  olderUri?: string | undefined
  /** Where these are not the newest. */
  newestUri?: string | undefined
}

/** Posts `seen`, the newest notice that there was: it and what is older is read then. */
export type NoticesLocals = AccountPage &
  Form & {
    unread: number
    notices: readonly {
      subject: string
      text: string
      /** ISO 8601. */
      at: string
      isUnread: boolean
      /** Where somebody sees more of it. */
      devicesUri?: string | undefined
    }[]
    /** Of the notices shown; empty where there are none. */
    seen: string
    marked?: boolean | undefined
    olderUri?: string | undefined
    /** Where these are not the newest. */
    newestUri?: string | undefined
    /** Where notices are pushed to this browser, where they can be. */
    notificationsUri?: string | undefined
  }

/** Posts `subscription`, which a script puts there, or `device` to turn them off at. */
export type NotificationsLocals = AccountPage &
  Form & {
    /** What browsers subscribe for, base64url; absent where this one has notices already. */
    vapidKey?: string | undefined
    devices: readonly {
      id: string
      browser?: string | undefined
      system?: string | undefined
      current: boolean
      /** ISO 8601. */
      since: string
    }[]
    done?: 'on' | 'off' | undefined
    error?: 'not_taken' | 'other_service' | 'too_many' | undefined
  }

export type ActivityName =
  | 'signed_in'
  | 'unusual_sign_in'
  | 'sign_in_failed'
  | 'wrong_second_factor'
  | 'password_changed'
  | 'password_recovered'
  | 'username_changed'
  | 'email_requested'
  | 'email_changed'
  | 'email_reverted'
  | 'phone_requested'
  | 'phone_changed'
  | 'sms_added'
  | 'sms_removed'
  | 'totp_added'
  | 'totp_removed'
  | 'passkey_added'
  | 'passkey_removed'
  | 'identity_linked'
  | 'identity_unlinked'
  | 'recovery_codes_made'
  | 'recovery_code_used'
  | 'signed_out'
  | 'session_ended'
  | 'access_ended'
  | 'device_trusted'
  | 'device_distrusted'
  | 'consent_granted'
  | 'consent_revoked'
  | 'push_on'
  | 'push_off'
  | 'profile_changed'
  | 'data_exported'

/** Posts `client_id` of what is to be revoked. */
export type ApplicationsLocals = AccountPage & {
  csrf: string
  applications: readonly {
    clientId: string
    name: string
    logoUri?: string | undefined
    since: string
    scopes: readonly ScopeView[]
    resources: readonly { name: string; scopes: readonly ResourceScopeView[] }[]
  }[]
  revoked?: boolean | undefined
}

export type ErrorKind =
  | 'bad_request'
  | 'unauthorized'
  | 'forbidden'
  | 'not_found'
  | 'method_not_allowed'
  | 'too_large'
  | 'unsupported'
  | 'too_many_requests'
  | 'internal'
  | 'unavailable'
  | 'invalid_client'
  | 'invalid_redirect_uri'
  | 'invalid_request'

export type ErrorLocals = {
  kind: ErrorKind
  /** What the person reads out to support, and what finds the line in the log. */
  referenceId: string
  /** For those who build the application. */
  oauthError?: { error: string; description?: string | undefined } | undefined
  retryAfterS?: number | undefined
  backUri?: string | undefined
  client?: ClientView | undefined
}

export type HomeLocals = {
  issuer: string
  demoUri?: string | undefined
  docsUri?: string | undefined
}

export type InboxLocals = {
  messages: readonly (InboxEntry & { uri?: string | undefined })[]
}

type InboxEntry = {
  kind: string
  /** What an SMS has none of. */
  subject?: string | undefined
  /** The whole SMS, or the beginning of a mail. */
  excerpt?: string | undefined
  recipient: string
  state: string
  /** ISO 8601. */
  at: string
}

export type InboxMessageLocals = InboxEntry & {
  /** Of the text as it goes out, with what leads somewhere; absent where it was wiped. */
  lines?: readonly (readonly { text: string; uri?: string | undefined }[])[] | undefined
  htmlUri?: string | undefined
}

/** Every kind of message, and where each looks as it would be sent. */
export type PreviewsLocals = { kinds: readonly { kind: string; uri: string }[] }

/** One kind with sample fields, in the language and by the channel that the links choose. */
export type PreviewLocals = {
  kind: string
  channels: readonly (PreviewChoice & { name: string })[]
  locales: readonly (PreviewChoice & { locale: Locale })[]
  /** The language of the message, which need not be the page's. */
  language: Locale
  subject?: string | undefined
  lines: NonNullable<InboxMessageLocals['lines']>
  htmlUri?: string | undefined
}

type PreviewChoice = { uri: string; current: boolean }

/** A mail: one message in its language. What is optional is not shown where it is absent. */
export type MailLocals = {
  subject: string
  /** Of the message, in markup. */
  paragraph: SafeHtml
  code?: string | undefined
  action?: { label: string; uri: string } | undefined
  notes: readonly string[]
  sender: SafeHtml
  /** Absolute; the name stands where there is none. */
  logoUri?: string | undefined
}
