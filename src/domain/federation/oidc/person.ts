import { textOf, withoutUndefined } from '../../../core/unknown.ts'
import type { UpstreamPerson } from '../connector.ts'
import type { Claims } from './oidc_profile.ts'
import type { ClaimMapping } from './oidc_settings.ts'

/** A provider's claims in our words. Whatever is too long, or of another type, is not there. */

/** OpenID Connect Core §2: a subject has 255 characters at most. */
const MAX_SUBJECT_LENGTH = 255
const MAX_TEXT_LENGTH = 2000
const MAX_GROUPS = 500
const MAX_RAW_MEMBERS = 100
const MAX_RAW_BYTES = 32 * 1024

/** OpenID Connect Core §5.1, without those that have a place of their own. */
const TEXT_CLAIMS = [
  'name',
  'given_name',
  'family_name',
  'middle_name',
  'nickname',
  'profile',
  'picture',
  'website',
  'gender',
  'birthdate',
  'zoneinfo',
  'locale',
] as const

/** Of the token rather than of the person; hashes and nonces tell a rule nothing. */
const PROTOCOL_CLAIMS = new Set(['nonce', 'at_hash', 'c_hash', 's_hash', 'rh', 'uti', 'jti'])

/** By the name as it is written, then as a path with dots. */
export function claimOf(source: Claims, name: string): unknown {
  if (Object.hasOwn(source, name)) return source[name]
  let value: unknown = source
  for (const part of name.split('.')) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, part)) return undefined
    value = (value as Record<string, unknown>)[part]
  }
  return value
}

/**
 * A text without control characters and lone surrogates. PostgreSQL keeps neither as they are, so that
 * two names which differ for the provider could be one for us.
 */
export function shortText(value: unknown, maxLength = MAX_TEXT_LENGTH): string | undefined {
  const text = textOf(value)
  if (!text || text.length > maxLength || !text.isWellFormed()) return undefined
  return /\p{Cc}/u.test(text) ? undefined : text
}

/** Those that end in an attribute of a page: nothing but an address of the web. */
const URL_CLAIMS: ReadonlySet<string> = new Set(['profile', 'picture', 'website'])

/** A standard claim that is a text (OpenID Connect Core §5.1). */
export function textClaim(claim: string, value: unknown): string | undefined {
  const text = shortText(value)
  if (text === undefined || !URL_CLAIMS.has(claim)) return text
  return /^https?:$/.test(URL.parse(text)?.protocol ?? '') ? text : undefined
}

/** A text, or a whole number that JSON kept whole; never the text of anything else. */
export function subjectOf(value: unknown): string | undefined {
  if (Number.isSafeInteger(value)) return String(value)
  return shortText(value, MAX_SUBJECT_LENGTH)
}

/** RFC 5321 §4.5.3.1 bounds it; whether we take such an address is decided where accounts are made. */
export function emailOf(value: unknown): string | undefined {
  const text = shortText(value, 254)
  return text && /^[^\s@]+@[^\s@]+$/.test(text) ? text : undefined
}

/** E.164; spaces and hyphens between the digits are taken out. */
function phoneOf(value: unknown): string | undefined {
  const digits = shortText(value)?.replace(/[ ().-]/g, '')
  return digits && /^\+[1-9]\d{6,14}$/.test(digits) ? digits : undefined
}

function groupsOf(value: unknown): string[] {
  const names = Array.isArray(value) ? value : [value]
  return names.filter((name) => shortText(name) !== undefined).slice(0, MAX_GROUPS)
}

/** What `jsonb` refuses: NUL and lone surrogates, which `JSON.stringify` writes as escapes. */
const UNSTORABLE = /\\u(0000|d[89a-f])/

/** Bounded, and without what is of the protocol alone. */
export function boundedRaw(claims: Claims): Record<string, unknown> {
  let sizeBytes = 0
  const entries = Object.entries(claims)
    .filter(([name]) => !PROTOCOL_CLAIMS.has(name))
    .slice(0, MAX_RAW_MEMBERS)
    .filter((entry) => {
      const json = JSON.stringify(entry)
      sizeBytes += Buffer.byteLength(json)
      return sizeBytes <= MAX_RAW_BYTES && !UNSTORABLE.test(json)
    })
  return Object.fromEntries(entries)
}

/** The first source that has it. */
function firstOf<T>(
  sources: readonly Claims[],
  name: string,
  read: (value: unknown) => T | undefined,
): T | undefined {
  for (const source of sources) {
    const value = read(claimOf(source, name))
    if (value !== undefined) return value
  }
  return undefined
}

/**
 * The address, and whether it is verified. Only the source that tells an address can say so of it, and
 * only where no other source tells another address or says the contrary.
 */
function emailAmong(
  sources: readonly Claims[],
  mapping: ClaimMapping,
  isVerified: (source: Claims) => boolean,
): { email: string | undefined; emailVerified: boolean } {
  const telling = sources.filter((source) => emailOf(claimOf(source, mapping.email)))
  const [first] = telling
  if (!first) return { email: undefined, emailVerified: false }
  const email = emailOf(claimOf(first, mapping.email))
  const agree = telling.every(
    (source) => claimOf(source, mapping.email) === email && isVerified(source),
  )
  return { email, emailVerified: agree }
}

function isShortObject(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false
  const json = JSON.stringify(value)
  return json.length <= MAX_TEXT_LENGTH && !UNSTORABLE.test(json)
}

function standardClaims(sources: readonly Claims[], mapping: ClaimMapping) {
  const nameOf = (claim: string) => mapping.claims[claim] ?? claim
  const address = firstOf(sources, nameOf('address'), (value) =>
    isShortObject(value) ? value : undefined,
  )
  const texts = TEXT_CLAIMS.map((claim) => [
    claim,
    firstOf(sources, nameOf(claim), (value) => textClaim(claim, value)),
  ])
  return withoutUndefined({ ...Object.fromEntries(texts), address })
}

/**
 * @param sources of one subject, the most trusted first: the ID token, then UserInfo
 * @returns undefined where no source names the subject
 */
export function personOf(
  sources: readonly Claims[],
  mapping: ClaimMapping,
  isVerified: (source: Claims) => boolean,
): UpstreamPerson | undefined {
  const subject = firstOf(sources, mapping.subject, subjectOf)
  if (subject === undefined) return undefined
  const merged = Object.assign({}, ...sources.toReversed()) as Claims
  return {
    subject,
    username: firstOf(sources, mapping.username, shortText),
    ...emailAmong(sources, mapping, isVerified),
    phone: firstOf(sources, mapping.phone, phoneOf),
    claims: standardClaims(sources, mapping),
    groups:
      firstOf(sources, mapping.groups, (value) =>
        value === undefined || value === null ? undefined : groupsOf(value),
      ) ?? [],
    raw: boundedRaw(merged),
  }
}
