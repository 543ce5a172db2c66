import { withoutUndefined } from '../../../core/unknown.ts'
import { canonicalEmail, canonicalPhone } from '../../accounts/identifier.ts'
import type { UpstreamPerson } from '../connector.ts'
import { firstText, textsOf } from './entry.ts'
import { LdapError } from './ldap_error.ts'
import type { Entry } from './message.ts'
import type { ClaimName, Profile } from './profile.ts'
import { subjectOf } from './subject.ts'

/** A person out of the entry of one: the mapping of the connection, in our words and bounded. */

const MAX_TEXT_LENGTH = 1024
const MAX_VALUES = 100

/** @throws LdapError `no_subject` where the entry has no immutable id that we may read */
export function personOf(
  entry: Entry,
  profile: Profile,
  groups: readonly string[],
  server: string,
): UpstreamPerson {
  const { settings, mapping, subjectAttribute } = profile
  const subject = subjectOf(entry, subjectAttribute)
  if (!subject) throw new LdapError('no_subject', server)
  const textOf = (claim: ClaimName) => mappedText(entry, mapping[claim])
  const email = canonicalEmail(textOf('email') ?? '')
  return {
    subject,
    username: textOf('username'),
    email,
    emailVerified: email !== undefined && settings.email_verified,
    phone: canonicalPhone(textOf('phone') ?? ''),
    claims: claimsOf(textOf),
    groups,
    raw: rawOf(entry, profile),
  }
}

function mappedText(entry: Entry, attributes: readonly string[]): string | undefined {
  const [first] = attributes.map((name) => firstText(entry, name)).filter((text) => text)
  const text = first?.trim().normalize('NFC')
  return text && text.length <= MAX_TEXT_LENGTH ? text : undefined
}

const PLAIN = [
  'name',
  'given_name',
  'family_name',
  'middle_name',
  'nickname',
  'zoneinfo',
] as const satisfies ClaimName[]
const ADDRESSES = ['picture', 'profile', 'website'] as const satisfies ClaimName[]

function claimsOf(textOf: (claim: ClaimName) => string | undefined): Record<string, unknown> {
  return withoutUndefined({
    ...Object.fromEntries(PLAIN.map((claim) => [claim, textOf(claim)])),
    ...Object.fromEntries(ADDRESSES.map((claim) => [claim, webAddress(textOf(claim))])),
    locale: localeOf(textOf('locale')),
  })
}

function webAddress(text: string | undefined): string | undefined {
  const url = URL.parse(text ?? '')
  return url && /^https?:$/.test(url.protocol) ? url.href : undefined
}

/** preferredLanguage is a list with weights (RFC 2798 §2.7); the first of it. */
function localeOf(text: string | undefined): string | undefined {
  const [tag] = text?.split(/[,;]/) ?? []
  try {
    return tag && Intl.getCanonicalLocales(tag.trim())[0]
  } catch {
    return undefined
  }
}

/** Only what the mapping or the settings name, and of that only what is text. */
function rawOf(entry: Entry, profile: Profile): Record<string, unknown> {
  const names = [...Object.values(profile.mapping).flat(), ...profile.settings.extra_attributes]
  return withoutUndefined(
    Object.fromEntries(
      names.map((name) => {
        const texts = textsOf(entry, name).slice(0, MAX_VALUES)
        return [name, texts.length > 1 ? texts : texts[0]]
      }),
    ),
  )
}
