import { isIP } from 'node:net'
import type { ConfigFault } from './config_error.ts'
import { MESSAGING_RULES } from './messaging_contradictions.ts'
import { MUTUAL_TLS_RULES } from './mutual_tls_contradictions.ts'
import { PASSKEY_RULES } from './passkey_contradictions.ts'
import type { ConfigBeforeSecrets } from './schema.ts'
import { asksEverybody } from './sections/sign_in.ts'

/**
 * What each setting may be for itself, but not together with the others: production without its
 * safeguards, lifetimes that outlive what carries them, Redis described two ways.
 */

type Rule = (config: ConfigBeforeSecrets) => ConfigFault | false

const production = (config: ConfigBeforeSecrets) => config.environment === 'production'
const takesNewcomers = ({ signIn }: ConfigBeforeSecrets) =>
  signIn.signUp === 'open' || signIn.signUp === 'invite'

const missingSecret =
  (name: 'encryptionKeys' | 'hashKey' | 'cookieKeys', env: string, example: string): Rule =>
  (config) => {
    const value = config.security[name]
    const empty = value === undefined || (Array.isArray(value) && value.length === 0)
    return (
      production(config) &&
      empty && {
        key: env,
        problem: 'is missing: production never makes its own secrets',
        remedy: `Set ${env} (or ${env}_FILE) to ${example}.`,
      }
    )
  }

const INACTIVE = {
  inactiveWarnDays: 'AUTHCORE_INACTIVE_WARN_DAYS',
  inactiveDisableDays: 'AUTHCORE_INACTIVE_DISABLE_DAYS',
  inactiveDeleteDays: 'AUTHCORE_INACTIVE_DELETE_DAYS',
} as const

/** Of two steps that are taken at all, the milder one comes first. */
const inactivityOrder =
  (mild: keyof typeof INACTIVE, harsh: keyof typeof INACTIVE): Rule =>
  ({ signIn }) =>
    signIn[mild] > 0 &&
    signIn[harsh] > 0 &&
    signIn[mild] >= signIn[harsh] && {
      key: INACTIVE[mild],
      problem: `is ${signIn[mild]}, which is not less than ${INACTIVE[harsh]} (${signIn[harsh]})`,
      remedy: 'Let a warning come before disabling, and both before deletion; 0 leaves a step out.',
    }

const RULES: readonly Rule[] = [
  (c) =>
    production(c) &&
    !c.server.issuer.startsWith('https://') && {
      key: 'ISSUER',
      problem: `is ${c.server.issuer}: an issuer in production must be https`,
      remedy: 'Set ISSUER to the https origin that people and clients use.',
    },
  (c) =>
    production(c) &&
    c.storage.databaseUrl === undefined &&
    !c.storage.embeddedDatabase && {
      key: 'DATABASE_URL',
      problem: 'is missing',
      remedy:
        'Set DATABASE_URL (or DATABASE_URL_FILE), or accept the embedded PostgreSQL with AUTHCORE_EMBEDDED_DATABASE=true.',
    },
  missingSecret(
    'encryptionKeys',
    'AUTHCORE_ENCRYPTION_KEYS',
    '`k1:` and the output of `openssl rand -base64 32`',
  ),
  missingSecret('hashKey', 'AUTHCORE_HASH_KEY', 'the output of `openssl rand -base64 32`'),
  missingSecret('cookieKeys', 'AUTHCORE_COOKIE_KEYS', 'the output of `openssl rand -base64 32`'),
  (c) =>
    production(c) &&
    c.demo.enabled && {
      key: 'AUTHCORE_DEMO',
      problem: 'is on: the demonstration has a known account and does not exist in production',
      remedy: 'Remove AUTHCORE_DEMO.',
    },
  (c) =>
    production(c) &&
    (c.demo.password !== undefined || c.demo.clientSecret !== undefined) && {
      key: 'DEMO_PASSWORD, DEMO_CLIENT_SECRET',
      problem: 'are set: nothing of the demonstration exists in production',
      remedy: 'Remove them.',
    },
  (c) =>
    production(c) &&
    takesNewcomers(c) &&
    !c.demo.enabled &&
    c.signIn.signUpBy !== 'phone' &&
    c.messaging.smtpUrls.length === 0 && {
      key: 'AUTHCORE_SIGN_UP',
      problem: `is ${c.signIn.signUp}, and there is no way to send the mail that proves an address`,
      remedy: 'Set AUTHCORE_SMTP_URL, or close it.',
    },
  (c) =>
    production(c) &&
    takesNewcomers(c) &&
    c.signIn.signUpBy !== 'email' &&
    c.messaging.smsTransports.length === 0 && {
      key: 'AUTHCORE_SIGN_UP_BY',
      problem: `is ${c.signIn.signUpBy}, and there is no way to send the SMS that proves a number`,
      remedy: 'Set AUTHCORE_SMS_TRANSPORTS, or leave it at email.',
    },
  (c) =>
    c.signIn.signUpBy !== 'email' &&
    c.signIn.signUpDomains.length > 0 && {
      key: 'AUTHCORE_SIGN_UP_DOMAINS',
      problem: `names mail domains while AUTHCORE_SIGN_UP_BY is ${c.signIn.signUpBy}, and a number has none`,
      remedy: 'Remove one of the two.',
    },
  (c) =>
    c.passwords.minLength < 15 &&
    !asksEverybody(c.signIn.mfa) && {
      key: 'AUTHCORE_PASSWORD_MIN_LENGTH',
      problem: `is ${c.passwords.minLength} while AUTHCORE_MFA is ${c.signIn.mfa}, which lets people in with a password alone`,
      remedy: 'Make it 15 or more, or require a second factor.',
    },
  (c) =>
    c.signIn.mfa === 'phishing_resistant' &&
    isIP(new URL(c.server.issuer).hostname.replace(/^\[|\]$/g, '')) !== 0 && {
      key: 'AUTHCORE_MFA',
      problem: 'is phishing_resistant, and browsers make no passkeys for an address',
      remedy: 'Give ISSUER a host with a name, or choose another policy.',
    },
  (c) =>
    c.tokens.sessionIdleS > c.tokens.sessionS && {
      key: 'AUTHCORE_TTL_SESSION_IDLE',
      problem: 'is longer than AUTHCORE_TTL_SESSION',
      remedy: 'Make the session at least as long as it may go unused.',
    },
  (c) =>
    (c.signIn.legacyHook === undefined) !== (c.signIn.legacyHookSecret === undefined) && {
      key: 'AUTHCORE_LEGACY_SIGN_IN_HOOK, AUTHCORE_LEGACY_SIGN_IN_HOOK_SECRET',
      problem: 'are not both there',
      remedy: 'Set both, or none.',
    },
  inactivityOrder('inactiveWarnDays', 'inactiveDisableDays'),
  inactivityOrder('inactiveWarnDays', 'inactiveDeleteDays'),
  inactivityOrder('inactiveDisableDays', 'inactiveDeleteDays'),
  (c) =>
    (c.signIn.termsUri === undefined) !== (c.signIn.termsVersion === undefined) && {
      key: 'AUTHCORE_TERMS_URI, AUTHCORE_TERMS_VERSION',
      problem: 'are not both there: terms are accepted in a version, and read before',
      remedy: 'Set both, or none.',
    },
  (c) =>
    production(c) &&
    c.signIn.termsUri !== undefined &&
    !c.signIn.termsUri.toLowerCase().startsWith('https:') && {
      key: 'AUTHCORE_TERMS_URI',
      problem: 'is not https',
      remedy: 'Set it to the https address of the terms.',
    },
  (c) =>
    duplicates(c.signIn.profileAsk.map(({ claim }) => claim)) && {
      key: 'AUTHCORE_PROFILE_ASK',
      problem: 'names a claim twice',
      remedy: 'Name each claim once, with a question mark where it can be put off.',
    },
  (c) =>
    duplicates((c.security.encryptionKeys ?? []).map(({ id }) => id)) && {
      key: 'AUTHCORE_ENCRYPTION_KEYS',
      problem: 'names two keys by the same id',
      remedy: 'Give every key an id of its own.',
    },
  (c) =>
    reusedKey(c) && {
      key: 'AUTHCORE_HASH_KEY',
      problem: 'is used for more than one purpose',
      remedy: 'Make a key of its own for each of the encryption, hash and cookie settings.',
    },
  (c) =>
    c.tokens.refreshTokenIdleS > c.tokens.refreshTokenAbsoluteS && {
      key: 'AUTHCORE_TTL_REFRESH_TOKEN_IDLE',
      problem: 'is longer than AUTHCORE_TTL_REFRESH_TOKEN_ABSOLUTE',
      remedy: 'Make the absolute lifetime at least as long as the idle one.',
    },
  (c) =>
    c.tokens.refreshRetryWindowS > c.tokens.refreshReuseDetectionS && {
      key: 'AUTHCORE_REFRESH_RETRY_WINDOW',
      problem: 'is longer than AUTHCORE_REFRESH_REUSE_DETECTION',
      remedy: 'Remember used refresh tokens for longer than they may be retried.',
    },
  (c) =>
    c.protocols.requestUri &&
    !c.protocols.requestObjects && {
      key: 'AUTHCORE_REQUEST_URI',
      problem: 'is on while AUTHCORE_REQUEST_OBJECTS is off: what is fetched is a request object',
      remedy: 'Turn both on, or both off.',
    },
  (c) =>
    c.security.signingKeyPublishAheadS >= c.security.signingKeyLifetimeS && {
      key: 'AUTHCORE_SIGNING_KEY_PUBLISH_AHEAD',
      problem: 'is not shorter than AUTHCORE_SIGNING_KEY_LIFETIME',
      remedy: 'Publish a key for less time than it then signs.',
    },
  (c) =>
    c.security.signingKeyRetainS < Math.max(c.tokens.accessTokenS, c.tokens.idTokenS) && {
      key: 'AUTHCORE_SIGNING_KEY_RETAIN',
      problem: 'is shorter than the life of a token signed with the key',
      remedy: 'Keep keys at least as long as AUTHCORE_TTL_ACCESS_TOKEN and AUTHCORE_TTL_ID_TOKEN.',
    },
  (c) =>
    c.storage.redisMode === 'single' &&
    c.storage.redisUrls.length > 1 && {
      key: 'REDIS_URL',
      problem: 'names several addresses while AUTHCORE_REDIS_MODE is single',
      remedy: 'Name one address, or set AUTHCORE_REDIS_MODE to sentinel or cluster.',
    },
  (c) =>
    c.storage.redisMode !== 'single' &&
    c.storage.redisUrls.length === 0 && {
      key: 'AUTHCORE_REDIS_MODE',
      problem: `is ${c.storage.redisMode} without REDIS_URL`,
      remedy: 'Set REDIS_URL to the addresses, comma separated.',
    },
  (c) =>
    c.risk.geoDatabase === undefined &&
    (c.risk.newCountry === 'factor' || c.risk.travel === 'factor') && {
      key: c.risk.newCountry === 'factor' ? 'AUTHCORE_RISK_NEW_COUNTRY' : 'AUTHCORE_RISK_TRAVEL',
      problem: 'is factor while no file tells where addresses are',
      remedy: 'Name one with AUTHCORE_GEO_DATABASE, or leave it at notify.',
    },
  ...MUTUAL_TLS_RULES,
  ...MESSAGING_RULES,
  ...PASSKEY_RULES,
]

/** Every contradiction between settings, each with its remedy. Pure: touches nothing. */
export function checkContradictions(config: ConfigBeforeSecrets): ConfigFault[] {
  return RULES.map((rule) => rule(config)).filter((fault) => fault !== false)
}

function duplicates(values: readonly string[]): boolean {
  return new Set(values).size !== values.length
}

function reusedKey(config: ConfigBeforeSecrets): boolean {
  const { encryptionKeys = [], hashKey, cookieKeys = [] } = config.security
  const keys = [
    ...encryptionKeys.map(({ key }) => key),
    ...(hashKey ? [hashKey] : []),
    ...cookieKeys,
  ]
  return duplicates(keys.map((key) => key.toString('hex')))
}
