import { randomInt } from 'node:crypto'
import type { z } from 'zod'
import type { Clock } from '../../../core/clock.ts'
import { newId } from '../../../core/ids.ts'
import { equalsInConstantTime, randomToken } from '../../../core/secrets.ts'
import type { Keyring } from '../../../platform/keys/keyring.ts'
import type { Db, Transaction } from '../../../platform/persistence/db.ts'
import {
  countTry,
  deleteOneTimeCode,
  deleteOtherCodesOfAccount,
  findByLink,
  type StoredCode,
  setCode,
  upsertOneTimeCode,
} from './one_time_code_store.ts'

/**
 * Codes and links that go to a mailbox or a telephone and come back once. A code is good in the browser that asked
 * for it, a link wherever it is opened; looking at either uses nothing up, because mail scanners look
 * at everything. For what it is, and for whom, is sealed into its row when it is asked for: nothing
 * that comes back with the code decides it.
 *
 * The row is written whether there is anybody to write to or not, and the worker finds that out: what
 * somebody who tries addresses sees, and how long it takes, is the same (OWASP Forgot Password).
 */
export type CodePurpose =
  | 'sign_up'
  | 'sign_in'
  | 'confirm_sign_in'
  | 'reset_password'
  | 'change_email'
  | 'revert_email'
  | 'reset_factors'
  | 'change_phone'
  | 'second_factor'

export type CodeDeps = { keyring: Keyring; clock: Clock }

/** NIST SP 800-63B-4 §3.1.3.2: ten minutes at most. */
const CODE_TTL_S = 600
/** ASVS 6.5.4 wants 20 bits; eight digits are 26, and five tries of them one in twenty million. */
const CODE_DIGITS = 8

/** Asks for a code: it takes the place of the one that this browser asked for before. */
export async function requestCode(
  { keyring, clock }: CodeDeps,
  tx: Transaction,
  {
    purpose,
    boundTo,
    payload,
    ttlS = CODE_TTL_S,
  }: { purpose: CodePurpose; boundTo: string; payload: object; ttlS?: number },
): Promise<{ id: string; expiresAt: Date }> {
  const now = clock.now()
  const id = newId(now.getTime())
  const expiresAt = new Date(now.getTime() + ttlS * 1000)
  await upsertOneTimeCode(tx, {
    id,
    purpose,
    boundHash: boundHash(keyring, boundTo),
    payloadSealed: keyring.seal(JSON.stringify(payload), placeOf(id)),
    createdAt: now,
    expiresAt,
  })
  return { id, expiresAt }
}

/** As it stands in a message. */
export function groupedCode(code: string): string {
  return `${code.slice(0, 4)}-${code.slice(4)}`
}

/**
 * Makes the code and the link, for the message that carries them; those that the account was sent
 * before are worth nothing any more. Done again, it makes others.
 */
export async function makeCode(
  { keyring }: Pick<CodeDeps, 'keyring'>,
  tx: Transaction,
  {
    id,
    accountId,
    channel = 'email',
  }: { id: string; accountId?: string | undefined; channel?: 'email' | 'sms' },
): Promise<{ code: string; link: string }> {
  const code = String(randomInt(10 ** CODE_DIGITS)).padStart(CODE_DIGITS, '0')
  const link = randomToken()
  await setCode(tx, {
    id,
    accountId,
    channel,
    codeHash: codeHash(keyring, id, code),
    linkHash: linkHash(keyring, link),
  })
  if (accountId) await deleteOtherCodesOfAccount(tx, { accountId, id })
  return { code, link }
}

/**
 * The row that this code is of, tries left or not used up. The try is counted before the code is
 * looked at, so that many at once have no more of them.
 */
export async function matchCode(
  { keyring, clock }: CodeDeps,
  db: Db,
  { purpose, boundTo, code }: { purpose: CodePurpose; boundTo: string; code: string },
): Promise<StoredCode | undefined> {
  const digits = code.replace(/[\s-]/g, '')
  if (!/^[0-9]{8}$/.test(digits)) return undefined
  const asked = { purpose, boundHash: boundHash(keyring, boundTo), now: clock.now() }
  const stored = await countTry(db, asked)
  if (!stored?.codeHash) return undefined
  return equalsInConstantTime(stored.codeHash, codeHash(keyring, stored.id, digits))
    ? stored
    : undefined
}

/** The row that this link is of; nothing is used up. */
export async function matchLink(
  { keyring, clock }: CodeDeps,
  db: Db,
  { purpose, link }: { purpose: CodePurpose; link: string },
): Promise<StoredCode | undefined> {
  if (link.length > 100) return undefined
  return await findByLink(db, { purpose, linkHash: linkHash(keyring, link), now: clock.now() })
}

/** Uses it up: of several that come with the same code or link at once, one is told true. */
export async function consumeCode(tx: Transaction, { id, codeHash }: StoredCode): Promise<boolean> {
  return await deleteOneTimeCode(tx, { id, codeHash })
}

/** @throws ZodError where the row was written by another version and says something else */
export function payloadOf<S extends z.ZodType>(
  keyring: Keyring,
  { id, payloadSealed }: Pick<StoredCode, 'id' | 'payloadSealed'>,
  schema: S,
): z.output<S> {
  return schema.parse(JSON.parse(keyring.open(payloadSealed, placeOf(id)).toString('utf8')))
}

export function boundHash(keyring: Keyring, boundTo: string): Buffer {
  return keyring.hash('one_time_code_bound', boundTo)
}

function codeHash(keyring: Keyring, id: string, code: string): Buffer {
  return keyring.hash('one_time_code', `${id}:${code}`)
}

function linkHash(keyring: Keyring, link: string): Buffer {
  return keyring.hash('one_time_link', link)
}

function placeOf(id: string): string {
  return `one_time_code:payload:${id}`
}
