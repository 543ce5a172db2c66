import { Attribute, BerWriter, Change, ExtendedRequest, ModifyRequest } from 'ldapts'
import type { PasswordChange } from '../connector.ts'
import type { BindOutcome } from './bind.ts'
import type { Connection } from './connection.ts'
import type { Directory } from './directory.ts'
import { LdapError } from './ldap_error.ts'
import { acceptableLogin, directName, findByLogin, isAcceptablePassword } from './look_up.ts'
import { EXTENDED_RESPONSE, type LdapResult, MODIFY_RESPONSE, policyError } from './message.ts'

/**
 * A password changed by who has it: the old one is proven to the server in the same request or by a
 * bind, and the server's rules decide on the new one. Nobody's password is ever set without the old.
 */

export type Change3 = { login: string; current: string; next: string }

export async function changePassword(
  directory: Directory,
  { login: typed, current, next }: Change3,
): Promise<PasswordChange> {
  const login = acceptableLogin(typed)
  if (!login || !isAcceptablePassword(current)) return refused('wrong_password')
  if (!isAcceptablePassword(next)) return refused('policy')
  try {
    const dn = directory.hasServiceAccount ? await dnOf(login, directory) : undefined
    if (dn === null) return refused('wrong_password')
    return await change(directory, { login, current, next }, dn)
  } catch (error) {
    if (error instanceof LdapError) return { kind: 'unavailable', reason: error.message }
    throw error
  }
}

/** As the service account finds it; null for nobody, and for more than one. */
async function dnOf(login: string, directory: Directory): Promise<string | null> {
  const { profile } = directory
  const direct = profile.settings.bind === 'search' ? undefined : directName(login, profile)
  if (profile.settings.bind !== 'search' && !direct) return null
  const found = await directory.asService((connection) =>
    direct ? direct.read(connection) : findByLogin(login, profile, connection),
  )
  return found.kind === 'one' ? found.entry.dn : null
}

async function change(
  directory: Directory,
  { login, current, next }: Change3,
  knownDn: string | undefined,
): Promise<PasswordChange> {
  const { isActiveDirectory } = directory.profile
  const modify = isActiveDirectory ? modifyUnicodePwd : modifyByExtension
  const direct = knownDn ? undefined : directName(login, directory.profile)
  const name = knownDn ?? direct?.bindName
  if (!name) return refused('wrong_password')
  const done = await directory.asPerson(async (connection) => {
    const outcome = await connection.bind(name, current)
    if (outcome.kind === 'wrong') return refused('wrong_password')
    if (!mayGoOn(outcome)) return refused('not_allowed')
    // Active Directory has refused the bind; OpenLDAP has let them in to do this and nothing else.
    if (outcome.kind === 'barred' && isActiveDirectory) return 'needs the service account'
    const dn = knownDn ?? (await ownDn(direct!, connection))
    return dn ? await modify(connection, dn, current, next) : refused('not_allowed')
  })
  if (done !== 'needs the service account') return done
  if (!knownDn) return refused('not_allowed')
  return directory.asService((connection) => modify(connection, knownDn, current, next))
}

function mayGoOn(outcome: BindOutcome): boolean {
  if (outcome.kind !== 'barred') return true
  return ['must_change_password', 'password_expired'].includes(outcome.fault)
}

async function ownDn(
  direct: NonNullable<ReturnType<typeof directName>>,
  connection: Connection,
): Promise<string | undefined> {
  const found = await direct.read(connection)
  return found.kind === 'one' ? found.entry.dn : undefined
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
  return changeOf(result)
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
  return changeOf(result)
}

/** ERROR_INVALID_PASSWORD in front of what Active Directory says, and in what Samba does. */
const OLD_IS_WRONG = /^00000056|WRONG_PASSWORD/
const RULES = /^0000052D/i
const NOT_ALLOWED_BY_POLICY = 3
const CONSTRAINT_VIOLATION = 19
const INVALID_CREDENTIALS = 49

function changeOf(result: LdapResult): PasswordChange {
  const { code, diagnostic } = result
  if (code === 0) return { kind: 'changed' }
  if (code === INVALID_CREDENTIALS || OLD_IS_WRONG.test(diagnostic))
    return refused('wrong_password')
  if (policyError(result) === NOT_ALLOWED_BY_POLICY) return refused('not_allowed')
  const isRule = code === CONSTRAINT_VIOLATION || RULES.test(diagnostic)
  return refused(isRule ? 'policy' : 'not_allowed')
}

function refused(reason: 'wrong_password' | 'policy' | 'not_allowed'): PasswordChange {
  return { kind: 'refused', reason }
}
