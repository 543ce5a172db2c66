import type { Clock } from '../../../core/clock.ts'
import { randomToken } from '../../../core/secrets.ts'
import type { AccountFault, DirectoryEntry, PasswordCheck } from '../connector.ts'
import type { BindOutcome } from './bind.ts'
import { describeEntry } from './describe.ts'
import type { Directory } from './directory.ts'
import { LdapError } from './ldap_error.ts'
import { acceptableLogin, directName, findByLogin, isAcceptablePassword } from './look_up.ts'

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
async function checkFound(directory: Directory, clock: Clock, attempt: Attempt) {
  const { profile } = directory
  const found = await directory.asService(async (connection) => {
    const found = await findByLogin(attempt.login, profile, connection)
    if (found.kind !== 'one') return found
    const { entry } = found
    return {
      kind: 'one',
      entry,
      told: await describeEntry(entry, profile, connection, clock),
    } as const
  })
  if (found.kind === 'several') return { kind: 'wrong', reason: 'ambiguous' } as const
  if (found.kind === 'none') {
    await bindNobody(directory)
    return { kind: 'wrong', reason: 'unknown' } as const
  }
  const outcome = await directory.asPerson(({ bind }) => bind(found.entry.dn, attempt.password))
  return verdict(outcome, found.told)
}

/** As many exchanges with the server as somebody costs, so that the time tells less of who is there. */
async function bindNobody(directory: Directory): Promise<void> {
  const name = `cn=${randomToken(12)},${directory.profile.settings.base_dn}`
  await directory.asPerson(({ bind }) => bind(name, randomToken(12)).catch(() => undefined))
}

/** They are bound by what the name makes; their entry is read by the service account, or by them. */
async function checkDirect(directory: Directory, clock: Clock, attempt: Attempt) {
  const { profile } = directory
  const name = directName(attempt.login, profile)
  if (!name) return { kind: 'wrong', reason: 'unknown' } as const
  const read = async (connection: Parameters<typeof name.read>[0]) => {
    const found = await name.read(connection)
    if (found.kind !== 'one') return found.kind
    return await describeEntry(found.entry, profile, connection, clock)
  }
  const { outcome, own } = await directory.asPerson(async (connection) => {
    const outcome = await connection.bind(name.bindName, attempt.password)
    const readsSelf = outcome.kind === 'bound' && !directory.hasServiceAccount
    return { outcome, own: readsSelf ? await read(connection) : undefined }
  })
  if (outcome.kind === 'wrong') return outcome
  const told = own ?? (directory.hasServiceAccount ? await directory.asService(read) : undefined)
  if (outcome.kind === 'barred')
    return verdict(outcome, typeof told === 'object' ? told : undefined)
  if (told === 'several') return { kind: 'wrong', reason: 'ambiguous' } as const
  if (typeof told !== 'object') throw new LdapError('unreadable', directory.name)
  return verdict(outcome, told)
}

/** The server has just taken the password: it knows better than an entry read before. */
const SETTLED_BY_BIND: ReadonlySet<AccountFault> = new Set(['locked', 'password_expired'])

function verdict(outcome: BindOutcome, told: DirectoryEntry | undefined): PasswordCheck {
  if (outcome.kind === 'wrong') return outcome
  if (outcome.kind === 'barred') {
    const { kind, fault, isProven } = outcome
    // Nobody is named who has not proven to be them.
    return { kind, fault, ...(isProven ? { person: told?.person } : {}) }
  }
  if (told?.fault && !SETTLED_BY_BIND.has(told.fault)) {
    return { kind: 'barred', fault: told.fault, person: told.person }
  }
  return { kind: 'right', person: told!.person }
}
