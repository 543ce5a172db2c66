import { createRequire } from 'node:module'
import { domainToASCII } from 'node:url'
import type { CountryCode } from 'libphonenumber-js/min'

/**
 * The names by which people sign in: an e-mail address, a telephone number or a username. Each has
 * one canonical form, and sign-up, sign-in, recovery, throttling and the unique indexes all use it,
 * so that two spellings of one name never become two accounts, and one spelling never means two names.
 *
 * How it is made: spaces around it fall away, NFC, lower case letter by letter (final sigma is
 * sigma), and the domain of an address in its ASCII form (UTS #46). What is not folded stays
 * different: dots and plus tags (only the receiving domain knows their meaning), ß and ss, Turkish ı
 * and i, Cyrillic а and Latin a. Compatibility characters (full width, ligatures) are refused rather
 * than folded, because folding them would let two mailboxes meet in one account.
 */

export type IdentifierKind = 'email' | 'phone' | 'username'
export type Identifier = { kind: IdentifierKind; canonical: string }

/** RFC 5321 §4.5.3.1: 64 octets of local part, and 254 for an address that fits a path. */
const LOCAL_MAX_BYTES = 64
const EMAIL_MAX_BYTES = 254
const USERNAME_MIN = 3
const USERNAME_MAX = 64
const INPUT_MAX = 400

/** Controls, surrogates, direction overrides, zero width and everything else that cannot be seen. */
const INVISIBLE = /[\p{C}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]/u
/** The dot-atom of RFC 5322 §3.2.3 with the letters of RFC 6531: no quotes, comments or routes. */
const LOCAL_PART =
  /^[\p{L}\p{M}\p{N}!#$%&'*+/=?^_`{|}~-]+(?:\.[\p{L}\p{M}\p{N}!#$%&'*+/=?^_`{|}~-]+)*$/u
/** An encoded word (RFC 2047), which some mail programs read as another address. */
const ENCODED_WORD = /=\?.*\?=/
const DOMAIN_INPUT = /^[\p{L}\p{M}\p{N}.-]+$/u
const DOMAIN =
  /^(?=.{1,253}$)(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+(?=[a-z0-9-]*[a-z])[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])$/
const USERNAME = /^[\p{L}0-9][\p{L}\p{M}0-9._-]*[\p{L}\p{M}0-9]$/u
/** As numbers are written: digits of any script, spaces and what stands between groups. */
const PHONE_INPUT = /^\+?[\p{Nd} ()./-]{4,40}$/u
const STACKED_MARKS = /\p{M}{3}/u
/** Scripts whose letters look alike: a name may draw on one of them only. */
const LOOK_ALIKE_SCRIPTS = [
  /\p{Script=Latin}/u,
  /\p{Script=Greek}/u,
  /\p{Script=Cyrillic}/u,
  /\p{Script=Armenian}/u,
  /\p{Script=Cherokee}/u,
]

/** The canonical address, or undefined where the text is not one that we would send mail to. */
export function canonicalEmail(text: string): string | undefined {
  const shown = presentable(text)
  if (shown === undefined) return undefined
  const at = shown.indexOf('@')
  const local = lowerCase(shown.slice(0, at))
  const domain = shown.slice(at + 1)
  if (at < 1 || !LOCAL_PART.test(local) || !DOMAIN_INPUT.test(domain)) return undefined
  if (ENCODED_WORD.test(local)) return undefined
  const ascii = domainToASCII(domain).toLowerCase()
  const canonical = `${local}@${ascii}`
  if (!DOMAIN.test(ascii) || Buffer.byteLength(local) > LOCAL_MAX_BYTES) return undefined
  return Buffer.byteLength(canonical) > EMAIL_MAX_BYTES ? undefined : canonical
}

/**
 * The canonical username, or undefined: 3 to 64 letters, digits, dots, hyphens and underscores, of
 * one look-alike script, beginning and ending with a letter or digit.
 */
export function canonicalUsername(text: string): string | undefined {
  const shown = presentable(text)
  if (shown === undefined) return undefined
  const canonical = lowerCase(shown)
  const length = [...canonical].length
  if (length < USERNAME_MIN || length > USERNAME_MAX) return undefined
  if (!USERNAME.test(canonical) || STACKED_MARKS.test(canonical)) return undefined
  const scripts = LOOK_ALIKE_SCRIPTS.filter((script) => script.test(canonical))
  return scripts.length > 1 ? undefined : canonical
}

/**
 * The canonical number (E.164: `+4930123456`), or undefined where the text is none that we would write
 * to: an extension, letters, or a number that its country does not give out.
 *
 * @param country whose numbers may be typed without `+`, as they are dialled there (ISO 3166-1 alpha-2)
 */
export function canonicalPhone(text: string, country?: string): string | undefined {
  const shown = presentable(text)
  if (shown === undefined || !PHONE_INPUT.test(shown)) return undefined
  const { parsePhoneNumberFromString: parse, isSupportedCountry } = phoneNumbers()
  const defaultCountry = country && isSupportedCountry(country) ? country : undefined
  const international = shown.replace(/^00/, '+')
  const read = (text: string, defaultCountry?: CountryCode) =>
    parse(text, { extract: false, ...(defaultCountry ? { defaultCountry } : {}) })
  const number = international.startsWith('+') ? read(international) : read(shown, defaultCountry)
  return number?.isValid() && number.ext === undefined ? number.number : undefined
}

/** The country of a canonical number (ISO 3166-1 alpha-2), or undefined where it is of none. */
export function countryOfPhone(phone: string): string | undefined {
  return phoneNumbers().parsePhoneNumberFromString(phone)?.country
}

/**
 * What somebody typed into the one field of the sign-in form, or undefined where it names nobody. Digits
 * without `+` are a username, unless they are a number of the country that is told.
 */
export function classifyIdentifier(text: string, country?: string): Identifier | undefined {
  if (text.includes('@')) return identifierOf('email', canonicalEmail(text))
  if (/^ *\+/.test(text)) return identifierOf('phone', canonicalPhone(text))
  const national = country === undefined ? undefined : canonicalPhone(text, country)
  return identifierOf('phone', national) ?? identifierOf('username', canonicalUsername(text))
}

function identifierOf(kind: IdentifierKind, canonical: string | undefined): Identifier | undefined {
  return canonical === undefined ? undefined : { kind, canonical }
}

/** Loaded at first use, with what it knows of each country. */
function phoneNumbers(): typeof import('libphonenumber-js/min') {
  return createRequire(import.meta.url)(
    'libphonenumber-js/min',
  ) as typeof import('libphonenumber-js/min')
}

/** The text as it is kept for showing: without spaces around it, NFC, otherwise as it was typed. */
export function presentable(text: string): string | undefined {
  if (text.length > INPUT_MAX) return undefined
  const shown = text.replace(/^ +/, '').replace(/ +$/, '').normalize('NFC')
  if (INVISIBLE.test(shown) || shown !== shown.normalize('NFKC')) return undefined
  return shown
}

/** An address as somebody may see it who must not learn it: `a…a@example.com`. */
export function maskedEmail(email: string): string {
  const at = email.lastIndexOf('@')
  const [first = '', last = ''] = [Array.from(email)[0], Array.from(email.slice(0, at)).at(-1)]
  return `${first}…${last}${email.slice(at)}`
}

/** A number as somebody may see it who must not learn it: `+49…56`. */
export function maskedPhone(phone: string): string {
  return `${phone.slice(0, 3)}…${phone.slice(-2)}`
}

/** Code point by code point, so that no rule of context or language applies; σ for final ς. */
function lowerCase(text: string): string {
  return Array.from(text, (letter) => letter.toLowerCase())
    .join('')
    .replaceAll('ς', 'σ')
    .normalize('NFC')
}
