import { z } from 'zod'
import { DomainError } from '../../core/errors.ts'
import type { Account } from './account.ts'
import { isLanguageTag, isPrintable, isWebAddress } from './profile/formats.ts'

/**
 * The claims we can make about a person: the standard ones of OpenID Connect Core §5.1, each of the
 * type that the table there gives it. Which of them a client receives is decided where tokens are
 * made, by scope and by the `claims` parameter.
 */

const TEXT_MAX = 255
const URL_MAX = 2_048

/** Lengths are counted in code points; the claims as a whole are bounded in bytes besides. */
const text = z
  .string()
  .refine((value) => value !== '' && [...value].length <= TEXT_MAX, {
    error: `must have 1 to ${TEXT_MAX} characters`,
  })
  .refine(isPrintable, { error: 'must not contain control characters' })

const webUrl = z.string().refine((value) => value.length <= URL_MAX && isWebAddress(value), {
  error: 'must be an http or https URL',
})

/** The year alone, a full date, or a date whose year 0000 says that it is withheld. */
const birthdate = z.string().refine(
  (value) => {
    const [, year, monthDay] = /^(\d{4})(-\d{2}-\d{2})?$/.exec(value) ?? []
    if (year === undefined) return false
    if (monthDay === undefined) return year !== '0000'
    const date = new Date(`${year === '0000' ? '2000' : year}${monthDay}T00:00:00Z`)
    return !Number.isNaN(date.getTime()) && date.toISOString().slice(4, 10) === monthDay
  },
  { error: 'must be YYYY or YYYY-MM-DD' },
)

const zoneinfo = z.string().refine(
  (value) => {
    try {
      return /^[A-Za-z]/.test(value) && new Intl.DateTimeFormat('en', { timeZone: value }) !== null
    } catch {
      return false
    }
  },
  { error: 'must be a time zone such as Europe/Paris' },
)

const locale = z.string().refine(isLanguageTag, { error: 'must be a language tag such as en-GB' })

const addressText = z
  .string()
  .max(1_000)
  .refine((value) => isPrintable(value.replace(/\r?\n/g, '')), {
    error: 'must not contain control characters',
  })

/** OpenID Connect Core §5.1.1; `formatted` and `street_address` may have several lines. */
const address = z.strictObject({
  formatted: addressText.optional(),
  street_address: addressText.optional(),
  locality: text.optional(),
  region: text.optional(),
  postal_code: text.optional(),
  country: text.optional(),
})

export const standardClaims = z.strictObject({
  name: text.optional(),
  given_name: text.optional(),
  family_name: text.optional(),
  middle_name: text.optional(),
  nickname: text.optional(),
  profile: webUrl.optional(),
  picture: webUrl.optional(),
  website: webUrl.optional(),
  gender: text.optional(),
  birthdate: birthdate.optional(),
  zoneinfo: zoneinfo.optional(),
  locale: locale.optional(),
  /** E.164, with the extension of RFC 3966 where there is one. */
  phone_number: z
    .string()
    .regex(/^\+[1-9]\d{4,14}(;ext=\d{1,10})?$/, { error: 'must be a number such as +15551234567' })
    .optional(),
  phone_number_verified: z.boolean().optional(),
  address: address.optional(),
})

export type StandardClaims = z.output<typeof standardClaims>

const CLAIMS_MAX_BYTES = 16_384

/** @throws DomainError `invalid_input` naming the first claim that is not acceptable */
export function parseStandardClaims(claims: Record<string, unknown>): StandardClaims {
  const result = standardClaims.safeParse(claims)
  if (!result.success) {
    const [issue] = result.error.issues
    const name = issue?.path.join('.') || 'claims'
    throw new DomainError('invalid_input', `The claim ${name} is not acceptable.`, {
      hint: `${name} ${issue?.message ?? ''}`,
    })
  }
  if (Buffer.byteLength(JSON.stringify(result.data)) > CLAIMS_MAX_BYTES) {
    throw new DomainError('too_large', 'The claims are larger than 16 kB together.')
  }
  return result.data
}

/**
 * Everything we can say about the account, under the claim names of OpenID Connect Core §5.1.
 *
 * @param attributes claims of the deployment's own, which none of these names takes
 */
export function claimsOf(
  account: Account,
  attributes: Record<string, unknown> = {},
): Record<string, unknown> & { sub: string } {
  return {
    ...attributes,
    ...account.claims,
    ...(account.username === undefined ? {} : { preferred_username: account.username }),
    ...(account.email === undefined
      ? {}
      : { email: account.email, email_verified: account.emailVerified }),
    ...(account.phone === undefined
      ? {}
      : { phone_number: account.phone, phone_number_verified: account.phoneVerified }),
    updated_at: Math.floor(account.updatedAt.getTime() / 1000),
    sub: account.id,
  }
}
