import { Attribute, BerWriter, Change, ExtendedRequest, ModifyRequest } from 'ldapts'
import type { PasswordChange } from '../connector.ts'
import type { BindOutcome } from './bind.ts'
import type { Connection } from './connection.ts'
import type { Directory } from './directory.ts'
import { LdapError } from './ldap_error.ts'
import {
  acceptableLogin,
  directName,
  type Found,
  findByLogin,
  isAcceptablePassword,
} from './look_up.ts'
import { EXTENDED_RESPONSE, type LdapResult, MODIFY_RESPONSE } from './message.ts'

/**
 * A password changed by who has it: the old one is proven to the server in the same request or by a
 * bind, and the server's rules decide on the new one. Nobody's password is ever set without the old.
 */

export type ChangeInput = { login: string; current: string; next: string }

export async function changePassword(
  directory: Directory,
  { login: typed, current, next }: ChangeInput,
): Promise<PasswordChange> {
  const login = acceptableLogin(typed)
  if (!login || !isAcceptablePassword(current)) return refused('wrong_password')
  if (!isAcceptablePassword(next)) return refused('policy')
  const change = directory.hasServiceAccount ? changeFound : changeDirect
  try {
    return await change(directory, { login, current, next })
  } catch (error) {
    if (error instanceof LdapError) return { kind: 'unavailable', reason: error.message }
    throw error
  }
}

/** A change whose answer is lost may have been made: it is never sent a second time. */
const ONCE = { once: true }

/** The service account finds them. */
async function changeFound(directory: Directory, input: ChangeInput): Promise<PasswordChange> {
  const found = await lookedUp(directory, input.login)
  if (found.kind !== 'one') return refused('wrong_password')
  const change = changeOf(directory, found.entry.dn, input)
  const done = await directory.asPerson(async (connection) => {
    const outcome = await connection.bind(found.entry.dn, input.current)
    // Active Directory binds nobody whose password is over, and takes the change from anybody.
    if (isOver(outcome) && directory.profile.isActiveDirectory) return undefined
    return refusalOf(outcome) ?? change(connection)
  }, ONCE)
  return done ?? directory.asService(change, ONCE)
}

function lookedUp(directory: Directory, login: string): Promise<Found> {
  const { profile } = directory
  if (profile.settings.bind === 'search') {
    return directory.asService((connection) => findByLogin(login, profile, connection))
  }
  const name = directName(login, profile)
  return name ? directory.asService(name.read) : Promise.resolve({ kind: 'none' })
}

/** They are bound by what the name makes, and find themselves. */
async function changeDirect(directory: Directory, input: ChangeInput): Promise<PasswordChange> {
  const name = directName(input.login, directory.profile)
  if (!name) return refused('wrong_password')
  return directory.asPerson(async (connection) => {
    const outcome = await connection.bind(name.bindName, input.current)
    if (isOver(outcome) && directory.profile.isActiveDirectory) return refused('not_allowed')
    const refusal = refusalOf(outcome)
    if (refusal) return refusal
    const found = await name.read(connection)
    if (found.kind !== 'one') return refused('not_allowed')
    return changeOf(directory, found.entry.dn, input)(connection)
  }, ONCE)
}

function isOver(outcome: BindOutcome): boolean {
  return (
    outcome.kind === 'barred' &&
    ['must_change_password', 'password_expired'].includes(outcome.fault)
  )
}

function refusalOf(outcome: BindOutcome): PasswordChange | undefined {
  if (outcome.kind === 'wrong') return refused('wrong_password')
  return outcome.kind === 'bound' || isOver(outcome) ? undefined : refused('not_allowed')
}

function changeOf({ profile }: Directory, dn: string, { current, next }: ChangeInput) {
  const change = profile.isActiveDirectory ? modifyUnicodePwd : modifyByExtension
  return (connection: Connection) => change(connection, dn, current, next)
}

/** [MS-ADTS] §3.1.1.3.1.5.2: old and new in one request are a change, which proves the old one. */
async function modifyUnicodePwd(
  connection: Connection,
  dn: string,
  current: string,
  next: string,
): Promise<PasswordChange> {
  const value = (operation: 'delete' | 'add', password: string) =>
    new Change({
      operation,
      modification: new Attribute({
        type: 'unicodePwd',
        values: [Buffer.from(`"${password}"`, 'utf16le')],
      }),
    })
  const changes = [value('delete', current), value('add', next)]
  const { result } = await connection.request(
    (base) => new ModifyRequest({ ...base, dn, changes }),
    MODIFY_RESPONSE,
  )
  return changeIn(result)
}

/** RFC 3062 §2. */
async function modifyByExtension(
  connection: Connection,
  dn: string,
  current: string,
  next: string,
): Promise<PasswordChange> {
  const writer = new BerWriter()
  writer.startSequence()
  writer.writeString(dn, 0x80)
  writer.writeString(current, 0x81)
  writer.writeString(next, 0x82)
  writer.endSequence()
  const { result } = await connection.request(
    (base) =>
      new ExtendedRequest({ ...base, oid: '1.3.6.1.4.1.4203.1.11.1', value: writer.buffer }),
    EXTENDED_RESPONSE,
  )
  return changeIn(result)
}

/** ERROR_INVALID_PASSWORD in front of what Active Directory says, and in what Samba does. */
const OLD_IS_WRONG = /^00000056|WRONG_PASSWORD/
const RULES = /^0000052D/i
const NOT_ALLOWED_BY_POLICY = 3
const CONSTRAINT_VIOLATION = 19
const INVALID_CREDENTIALS = 49

function changeIn(result: LdapResult): PasswordChange {
  const { code, diagnostic } = result
  if (code === 0) return { kind: 'changed' }
  if (code === INVALID_CREDENTIALS || OLD_IS_WRONG.test(diagnostic))
    return refused('wrong_password')
  if (result.policyError === NOT_ALLOWED_BY_POLICY) return refused('not_allowed')
  const isRule = code === CONSTRAINT_VIOLATION || RULES.test(diagnostic)
  return refused(isRule ? 'policy' : 'not_allowed')
}

function refused(reason: 'wrong_password' | 'policy' | 'not_allowed'): PasswordChange {
  return { kind: 'refused', reason }
}
