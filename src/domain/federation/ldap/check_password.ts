import type { Clock } from '../../../core/clock.ts'
import { randomToken } from '../../../core/secrets.ts'
import type { AccountFault, DirectoryEntry, PasswordCheck } from '../connector.ts'
import type { BindOutcome } from './bind.ts'
import type { Connection } from './connection.ts'
import { describeEntry } from './describe.ts'
import type { Directory } from './directory.ts'
import { LdapError } from './ldap_error.ts'
import {
  acceptableLogin,
  type DirectName,
  directName,
  findByLogin,
  isAcceptablePassword,
} from './look_up.ts'
import type { Profile } from './profile.ts'

/** A name and a password at a directory: nothing is proven but by a bind that the server accepts. */

export type Attempt = { login: string; password: string }

export async function checkPassword(
  directory: Directory,
  clock: Clock,
  { login: typed, password }: Attempt,
): Promise<PasswordCheck> {
  const login = acceptableLogin(typed)
  if (login === undefined) return { kind: 'wrong', reason: 'unknown' }
  if (!isAcceptablePassword(password)) return { kind: 'wrong', reason: 'wrong_password' }
  const check = directory.profile.settings.bind === 'search' ? checkFound : checkDirect
  try {
    return await check(directory, clock, { login, password })
  } catch (error) {
    if (error instanceof LdapError) return { kind: 'unavailable', reason: error.message }
    throw error
  }
}

/** The service account looks them up; then they are bound by the DN that it found. */
async function checkFound(
  directory: Directory,
  clock: Clock,
  { login, password }: Attempt,
): Promise<PasswordCheck> {
  const { profile } = directory
  const found = await directory.asService((connection) => findByLogin(login, profile, connection))
  if (found.kind === 'several') return { kind: 'wrong', reason: 'ambiguous' }
  if (found.kind === 'none') {
    await bindNobody(directory)
    return { kind: 'wrong', reason: 'unknown' }
  }
  const { entry } = found
  const outcome = await directory.asPerson(({ bind }) => bind(entry.dn, password))
  if (!isProven(outcome)) return unproven(outcome)
  // Groups are asked for only now, so that a wrong password costs what nobody's name does.
  const told = await directory.asService((connection) =>
    describeEntry(entry, profile, connection, clock),
  )
  return verdict(outcome, told)
}

/** As many exchanges with the server as somebody costs, so that the time tells less of who is there. */
async function bindNobody(directory: Directory): Promise<void> {
  const name = `cn=${randomToken(12)},${directory.profile.settings.base_dn}`
  await directory.asPerson(({ bind }) => bind(name, randomToken(12)).catch(() => undefined))
}

/** They are bound by what the name makes; their entry is read by the service account, or by them. */
async function checkDirect(
  directory: Directory,
  clock: Clock,
  { login, password }: Attempt,
): Promise<PasswordCheck> {
  const { profile, hasServiceAccount } = directory
  const name = directName(login, profile)
  if (!name) return { kind: 'wrong', reason: 'unknown' }
  const read = (connection: Connection) => readSelf(name, profile, connection, clock)
  const { outcome, own } = await directory.asPerson(async (connection) => {
    const outcome = await connection.bind(name.bindName, password)
    const readsSelf = outcome.kind === 'bound' && !hasServiceAccount
    return { outcome, own: readsSelf ? await read(connection) : undefined }
  })
  if (!isProven(outcome)) return unproven(outcome)
  const self = hasServiceAccount ? await directory.asService(read) : own
  if (!self) {
    if (outcome.kind === 'barred') return verdict(outcome, undefined)
    throw new LdapError('unreadable', directory.name)
  }
  if (self === 'several' || !(await isSame(self, name, password, directory))) {
    return outcome.kind === 'barred'
      ? verdict(outcome, undefined)
      : { kind: 'wrong', reason: 'ambiguous' }
  }
  return verdict(outcome, self.told)
}

type Self = { dn: string; told: DirectoryEntry }

async function readSelf(
  name: DirectName,
  profile: Profile,
  connection: Connection,
  clock: Clock,
): Promise<Self | 'several' | undefined> {
  const found = await name.read(connection)
  if (found.kind === 'several') return 'several'
  if (found.kind === 'none') return undefined
  const told = await describeEntry(found.entry, profile, connection, clock)
  return { dn: found.entry.dn, told }
}

/**
 * A server may take a name for another account than the one that we find by it, where one account's
 * userPrincipalName is made of the name of another: so the password has to be that of this very entry.
 */
async function isSame(
  { dn }: Self,
  { bindName }: DirectName,
  password: string,
  directory: Directory,
): Promise<boolean> {
  return dn === bindName || isProven(await directory.asPerson(({ bind }) => bind(dn, password)))
}

type Proven = Exclude<BindOutcome, { kind: 'wrong' }>

function isProven(outcome: BindOutcome): outcome is Proven {
  return outcome.kind === 'bound' || (outcome.kind === 'barred' && outcome.isProven)
}

/** Nobody is named who has not proven to be them. */
function unproven(outcome: Exclude<BindOutcome, { kind: 'bound' }>): PasswordCheck {
  return outcome.kind === 'wrong' ? outcome : { kind: 'barred', fault: outcome.fault }
}

/** The server has just taken the password: it knows better than an entry read before. */
const SETTLED_BY_BIND: ReadonlySet<AccountFault> = new Set(['locked', 'password_expired'])

/** @param told is there where `outcome` is bound */
function verdict(outcome: Proven, told: DirectoryEntry | undefined): PasswordCheck {
  if (outcome.kind === 'barred') {
    return { kind: 'barred', fault: outcome.fault, person: told?.person }
  }
  if (told?.fault && !SETTLED_BY_BIND.has(told.fault)) {
    return { kind: 'barred', fault: told.fault, person: told.person }
  }
  return { kind: 'right', person: told!.person }
}
