import { z } from 'zod'
import { DomainError } from '../../core/errors.ts'
import { isId, newId } from '../../core/ids.ts'
import { parsedJson } from '../../core/unknown.ts'
import { parseStandardClaims } from '../accounts/claims.ts'
import {
  canonicalEmail,
  canonicalPhone,
  canonicalUsername,
  presentable,
} from '../accounts/identifier.ts'
import { PLAIN_PROFILE, type Profile, parseAttributes } from '../accounts/profile/profile.ts'
import { readForeignHash } from '../credentials/password/foreign/foreign_hash.ts'
import { passwordText } from '../credentials/password/password_text.ts'

/** One line of an import: what it may say, and the account that it makes. docs/IMPORT.md tells it. */

const DETAIL_MAX = 200

const base64 = z.string().regex(/^[A-Za-z0-9+/_-]*={0,2}$/)

const firebase = z.strictObject({
  hash: base64,
  salt: base64,
  signer_key: base64,
  salt_separator: base64,
  rounds: z.int().positive(),
  mem_cost: z.int().positive(),
})

const importedLine = z.strictObject({
  id: z.string().refine(isId, { error: 'must be a UUID in lower case' }).optional(),
  username: z.string().optional(),
  email: z.string().optional(),
  email_verified: z.boolean().optional(),
  phone: z.string().optional(),
  phone_verified: z.boolean().optional(),
  claims: z.record(z.string(), z.unknown()).optional(),
  attributes: z.record(z.string(), z.unknown()).optional(),
  password: z
    .union([
      z.string(),
      z.strictObject({ hash: z.string() }),
      z.strictObject({ firebase_scrypt: firebase }),
    ])
    .optional(),
  created_at: z.iso.datetime({ offset: true }).optional(),
  disabled: z.boolean().optional(),
})

type ImportedLine = z.output<typeof importedLine>

export type ImportedAccount = {
  id: string
  status: 'active' | 'disabled'
  username?: string
  usernameCanonical?: string
  email?: string
  emailCanonical?: string
  emailVerified: boolean
  phone?: string
  phoneVerified: boolean
  claims: Record<string, unknown>
  attributes: Record<string, unknown>
  /** As `password_credential` keeps it. */
  passwordHash?: string
  /** To be hashed before the account is stored. */
  password?: string
  createdAt: Date
}

/** Never tells a value of the line: reports are mailed around. */
export type LineRefusal = { kind: 'refused'; reason: string; detail?: string | undefined }
export type LineReading = { kind: 'ok'; account: ImportedAccount } | LineRefusal

/** @param text of the line; undefined where it could not be read */
export function readImportedAccount(
  text: string | undefined,
  now: Date,
  profile: Profile = PLAIN_PROFILE,
): LineReading {
  if (text === undefined) return refused('unreadable', 'longer than 64 KiB, or no UTF-8')
  const parsed = importedLine.safeParse(parsedJson(text))
  if (!parsed.success) return refused('malformed', describe(parsed.error))
  const line = parsed.data
  const password = readPassword(line.password)
  if (password.kind === 'refused') return password
  const account = accountOf(line, now, profile)
  return account.kind === 'refused'
    ? account
    : { kind: 'ok', account: { ...account.account, ...password.fields } }
}

function accountOf(line: ImportedLine, now: Date, profile: Profile): LineReading {
  const { username, email, phone: typed, claims = {}, attributes = {} } = line
  const createdAt = line.created_at === undefined ? now : new Date(line.created_at)
  if (username === undefined && email === undefined && typed === undefined) {
    return refused('no_identifier')
  }
  const usernameCanonical = username === undefined ? undefined : canonicalUsername(username)
  if (username !== undefined && usernameCanonical === undefined) return refused('username')
  const emailCanonical = email === undefined ? undefined : canonicalEmail(email)
  if (email !== undefined && emailCanonical === undefined) return refused('email')
  const phone = typed === undefined ? undefined : canonicalPhone(typed)
  if (typed !== undefined && phone === undefined) return refused('phone')
  if (createdAt > now || createdAt.getTime() < 0) return refused('created_at')
  const checked = check('claims', () => parseStandardClaims(claims))
  if (checked.kind === 'refused') return checked
  const own = check('attributes', () => parseAttributes(profile, attributes))
  if (own.kind === 'refused') return own
  return {
    kind: 'ok',
    account: {
      id: line.id ?? newId(createdAt.getTime()),
      status: line.disabled ? 'disabled' : 'active',
      ...identifier('username', username, usernameCanonical),
      ...identifier('email', email, emailCanonical),
      emailVerified: email !== undefined && line.email_verified === true,
      ...(phone === undefined ? {} : { phone }),
      phoneVerified: phone !== undefined && line.phone_verified === true,
      claims: checked.values,
      attributes: own.values,
      createdAt,
    },
  }
}

function identifier(name: string, text: string | undefined, canonical: string | undefined) {
  const shown = text === undefined ? undefined : presentable(text)
  return shown === undefined ? {} : { [name]: shown, [`${name}Canonical`]: canonical }
}

function check(
  member: 'claims' | 'attributes',
  parse: () => Record<string, unknown>,
): { kind: 'ok'; values: Record<string, unknown> } | LineRefusal {
  try {
    return { kind: 'ok', values: parse() }
  } catch (error) {
    if (!(error instanceof DomainError)) throw error
    return refused(member, error.hint ?? error.message)
  }
}

type PasswordFields = Pick<ImportedAccount, 'password' | 'passwordHash'>

function readPassword(
  password: ImportedLine['password'],
): { kind: 'ok'; fields: PasswordFields } | LineRefusal {
  if (password === undefined) return { kind: 'ok', fields: {} }
  if (typeof password === 'string') {
    const usable = password !== '' && passwordText(password).kind === 'ok'
    return usable ? { kind: 'ok', fields: { password } } : refused('password')
  }
  const text = 'hash' in password ? password.hash : firebaseText(password.firebase_scrypt)
  const reading = readForeignHash(text)
  return reading.kind === 'ok'
    ? { kind: 'ok', fields: { passwordHash: reading.stored } }
    : refused(reading.reason)
}

function firebaseText(given: z.output<typeof firebase>): string {
  const plain = (text: string) => text.replaceAll('-', '+').replaceAll('_', '/').replace(/=+$/, '')
  const { rounds, mem_cost, salt_separator, signer_key } = given
  const params = `ln=${mem_cost},r=${rounds},sep=${plain(salt_separator)},key=${plain(signer_key)}`
  return `$firebase-scrypt$${params}$${plain(given.salt)}$${plain(given.hash)}`
}

function refused(reason: string, detail?: string): LineRefusal {
  return { kind: 'refused', reason, ...(detail === undefined ? {} : { detail: printable(detail) }) }
}

/**
 * A detail may name a claim, and a line may call a claim anything: PostgreSQL keeps neither NUL nor
 * half a surrogate pair, and terminals obey control characters.
 */
function printable(detail: string): string {
  return detail
    .slice(0, DETAIL_MAX)
    .toWellFormed()
    .replace(/\p{Cc}/gu, '\ufffd')
}

/** Which member it is; what it holds may be a password. */
function describe({ issues: [issue] }: z.ZodError): string {
  if (issue?.code === 'unrecognized_keys') return 'a member that is not known'
  const path = issue?.path.filter((part) => part !== undefined).join('.')
  return path ? `the member ${path}` : 'no JSON object'
}
