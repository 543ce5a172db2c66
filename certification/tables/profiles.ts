import type { ClientTable } from './clients.ts'

/**
 * Which plans of the suite make up a profile, in which variants, with which clients, and which
 * switches of ours a deployment turns on that wants to be certified for it. Profiles with the same
 * settings are run against the same server; where they differ it is started anew, so that a profile
 * is certified in the configuration that somebody would run.
 */

export type Variant = Readonly<Record<string, string>>

export type Profile = {
  /** What the OpenID Foundation calls it. */
  title: string
  plan: string
  variants: readonly Variant[]
  /** Undefined where the suite registers its clients itself, or needs none. */
  clients?: ClientTable
  settings: Readonly<Record<string, string>>
}

const STATIC = { server_metadata: 'discovery', client_registration: 'static_client' }
const STATIC_CODE = { client_registration: 'static_client', response_type: 'code' }
/** The suite's clients send no PKCE. */
const LEGACY = { AUTHCORE_LEGACY_CLIENTS: 'true' }

/** The suite registers its clients itself, and those send no PKCE either. */
const DYNAMIC = {
  ...LEGACY,
  AUTHCORE_DYNAMIC_REGISTRATION: 'open',
  AUTHCORE_REGISTRATION_PRESETS: 'legacy',
}

/** The front of the server asks for certificates and hands them on as `Client-Cert` (RFC 9440). */
const CERTIFICATES = { AUTHCORE_MTLS: 'proxy' }

/** Each way to authenticate with each way to bind a token. */
const FAPI2: readonly Variant[] = ['private_key_jwt', 'mtls'].flatMap((client_auth_type) =>
  ['dpop', 'mtls'].map((sender_constrain) => ({
    client_auth_type,
    sender_constrain,
    openid: 'openid_connect',
    fapi_profile: 'plain_fapi',
  })),
)

export const PROFILES = {
  basic: {
    title: 'Basic OP',
    plan: 'oidcc-basic-certification-test-plan',
    variants: [STATIC],
    clients: 'code',
    settings: LEGACY,
  },
  config: {
    title: 'Config OP',
    plan: 'oidcc-config-certification-test-plan',
    variants: [{}],
    settings: {},
  },
  'formpost-basic': {
    title: 'Form Post OP (Basic)',
    plan: 'oidcc-formpost-basic-certification-test-plan',
    variants: [STATIC],
    clients: 'code',
    settings: LEGACY,
  },
  'rp-logout': {
    title: 'RP-Initiated Logout OP',
    plan: 'oidcc-rp-initiated-logout-certification-test-plan',
    variants: [STATIC_CODE],
    clients: 'rp_logout',
    settings: LEGACY,
  },
  backchannel: {
    title: 'Back-Channel Logout OP',
    plan: 'oidcc-backchannel-rp-initiated-logout-certification-test-plan',
    variants: [STATIC_CODE],
    clients: 'backchannel',
    settings: LEGACY,
  },
  frontchannel: {
    title: 'Front-Channel Logout OP',
    plan: 'oidcc-frontchannel-rp-initiated-logout-certification-test-plan',
    variants: [STATIC_CODE],
    clients: 'frontchannel',
    settings: { ...LEGACY, AUTHCORE_FRONTCHANNEL_LOGOUT: 'true' },
  },
  implicit: {
    title: 'Implicit OP',
    plan: 'oidcc-implicit-certification-test-plan',
    variants: [STATIC],
    clients: 'implicit',
    settings: LEGACY,
  },
  hybrid: {
    title: 'Hybrid OP',
    plan: 'oidcc-hybrid-certification-test-plan',
    variants: [STATIC],
    clients: 'hybrid',
    settings: LEGACY,
  },
  dynamic: {
    title: 'Dynamic OP',
    plan: 'oidcc-dynamic-certification-test-plan',
    variants: [{ response_type: 'code' }],
    settings: { ...DYNAMIC, AUTHCORE_REQUEST_URI: 'true' },
  },
  '3rdparty-login': {
    title: '3rd Party-Initiated Login OP',
    plan: 'oidcc-3rdparty-init-login-certification-test-plan',
    variants: [{ response_type: 'code' }],
    settings: DYNAMIC,
  },
  'fapi2-sp': {
    title: 'FAPI 2.0 Security Profile Final',
    plan: 'fapi2-security-profile-final-test-plan',
    variants: FAPI2,
    clients: 'fapi2',
    settings: CERTIFICATES,
  },
  'fapi2-ms': {
    title: 'FAPI 2.0 Message Signing Final',
    plan: 'fapi2-message-signing-final-test-plan',
    variants: FAPI2.map((variant) => ({
      ...variant,
      fapi_request_method: 'signed_non_repudiation',
      fapi_response_mode: 'jarm',
    })),
    clients: 'fapi2_signed',
    settings: CERTIFICATES,
  },
} as const satisfies Record<string, Profile>

export type ProfileName = keyof typeof PROFILES
export const PROFILE_NAMES = Object.keys(PROFILES) as ProfileName[]

/** What a newer suite asks a variant to say besides; said where its catalogue knows the parameter. */
export const VARIANT_DEFAULTS: Variant = {
  authorization_request_type: 'simple',
  grant_management: 'disabled',
}
