import type { Origin } from '../../platform/events/catalogue.ts'
import type { Account } from '../accounts/account.ts'
import { canonicalEmail } from '../accounts/identifier.ts'
import { createEvenTime, type EvenTime, pause } from '../credentials/password/even_time.ts'
import { passwordText } from '../credentials/password/password_text.ts'
import type { Connection } from '../federation/connection.ts'
import type { Connections } from '../federation/connections.ts'
import type { AccountFault, PasswordChange, PasswordCheck } from '../federation/connector.ts'
import { listIdentitiesOfAccount } from '../federation/identity_store.ts'
import { type Admission, type AdmitDeps, admitPerson } from './admit_person.ts'
import { tellUnavailable } from './tell_unavailable.ts'

/**
 * Passwords that a directory knows. Which directories are asked for a name is decided by the application,
 * by its mail domain, by whose account it is, and last by the connections that are asked for whoever
 * nobody is here; the password goes to these and to no other.
 */
export type Directories = {
  deps: AdmitDeps
  /** How long they take, so that a name that is known here is not told from one that is not. */
  evenTime: EvenTime
}

export function directoriesOf(deps: AdmitDeps): Directories {
  return { deps, evenTime: createEvenTime() }
}

export type DirectoryInput = {
  /** As it was typed. */
  identifier: string
  password: string
  /** The connection that the application names. */
  connection?: string | undefined
  interactionUid: string
  clientId: string
  remember: boolean
  deviceTrustedFor?: readonly string[] | undefined
  origin: Origin
}

export type DirectoryResult =
  | Exclude<Admission, { kind: 'refused' }>
  /** Their directory knows them, and the connection or their account here keeps them out. */
  | (Extract<Admission, { kind: 'refused' }> & { connection: Connection })
  /** Nobody asked knows the name. */
  | { kind: 'unknown' }
  | { kind: 'wrong' }
  | { kind: 'barred'; fault: AccountFault; connection: Connection; mayChange: boolean }
  | { kind: 'unavailable'; connection: Connection }

/** Whose word counts for a name, and whether that shows by the name alone. */
type Asked = { connection: Connection; openly: boolean }

export async function signInAtDirectories(
  { deps, evenTime }: Directories,
  input: DirectoryInput,
  account: Account | undefined,
): Promise<DirectoryResult> {
  const asked = await directoriesFor(deps, input, account)
  if (asked.length === 0) {
    if (account && (await hasFallback(deps))) await pause(evenTime.leftAfter(0))
    return { kind: 'unknown' }
  }
  // An empty password is a question that directories say yes to (RFC 4513 §5.1.2).
  if (input.password.trim() === '' || passwordText(input.password).kind !== 'ok') {
    return { kind: 'wrong' }
  }
  let unavailable: Connection | undefined
  for (const { connection, openly } of asked) {
    const startedAt = performance.now()
    const check = await checkAt(deps, connection, input)
    if (!openly) evenTime.observe('directory', performance.now() - startedAt)
    if (check.kind === 'unavailable') {
      const { clientId, origin } = input
      await tellUnavailable(deps, { connection, reason: check.reason, clientId, origin })
      if (openly) unavailable ??= connection
    } else if (check.kind !== 'wrong' || check.reason === 'wrong_password') {
      return await conclude(deps, input, connection, check)
    }
  }
  return unavailable ? { kind: 'unavailable', connection: unavailable } : { kind: 'unknown' }
}

/**
 * Whether a directory alone says who somebody of this name is: then no password of ours is looked at, for
 * nobody of the name, and the work of it is spared.
 */
export async function keepsPasswordsOf(
  { deps: { connections } }: Directories,
  input: Pick<DirectoryInput, 'identifier' | 'connection'>,
): Promise<boolean> {
  const named = await directoriesByName(connections, input)
  return named.some(({ definition }) => definition.password === 'hidden')
}

/** Those that the application or the mail domain names, whoever it is. */
async function directoriesByName(
  connections: Connections,
  { identifier, connection: bound }: Pick<DirectoryInput, 'identifier' | 'connection'>,
): Promise<Connection[]> {
  const all = await listDirectories(connections)
  const named = all.filter(({ name }) => name === bound)
  if (named.length > 0) return named
  const domain = canonicalEmail(identifier)?.split('@')[1]
  return all.filter(({ definition }) => domain !== undefined && definition.domains.includes(domain))
}

async function listDirectories(connections: Connections): Promise<Connection[]> {
  return (await connections.list()).filter(
    (each) => connections.kindOf(each).signsInBy === 'password',
  )
}

async function directoriesFor(
  { connections, db }: AdmitDeps,
  input: DirectoryInput,
  account: Account | undefined,
): Promise<Asked[]> {
  const all = await listDirectories(connections)
  // Where there are none it costs nothing.
  if (all.length === 0) return []
  const byName = await directoriesByName(connections, input)
  if (byName.length > 0) return byName.map((connection) => ({ connection, openly: true }))
  const hidden = (connection: Connection): Asked => ({ connection, openly: false })
  if (!account) return all.filter(({ definition }) => definition.fallback).map(hidden)
  const identities = await listIdentitiesOfAccount(db, account.id)
  const own = new Set(identities.map(({ connectionId }) => connectionId))
  return all.filter(({ id }) => own.has(id)).map(hidden)
}

async function hasFallback({ connections }: AdmitDeps): Promise<boolean> {
  return (await connections.list()).some(({ definition }) => definition.fallback)
}

async function checkAt(
  { connections }: Pick<AdmitDeps, 'connections'>,
  connection: Connection,
  { identifier, password }: Pick<DirectoryInput, 'identifier' | 'password'>,
): Promise<PasswordCheck> {
  try {
    const { password: connector } = await connections.open(connection)
    const login = identifier.trim()
    return connector
      ? await connector.check({ login, password })
      : { kind: 'unavailable', reason: 'takes no passwords' }
  } catch (error) {
    return { kind: 'unavailable', reason: (error as Error).message }
  }
}

async function conclude(
  deps: AdmitDeps,
  input: DirectoryInput,
  connection: Connection,
  check: Exclude<PasswordCheck, { kind: 'unavailable' }>,
): Promise<DirectoryResult> {
  switch (check.kind) {
    case 'right': {
      const admission = await admitPerson(deps, {
        connection,
        person: check.person,
        method: 'password',
        interactionUid: input.interactionUid,
        clientId: input.clientId,
        remember: input.remember,
        deviceKnownFor: input.deviceTrustedFor ?? [],
        origin: input.origin,
      })
      return admission.kind === 'refused' ? { ...admission, connection } : admission
    }
    case 'barred':
      return {
        kind: 'barred',
        fault: check.fault,
        connection,
        mayChange: isChangeable(check.fault) && (await canChange(deps, connection)),
      }
    default:
      return { kind: 'wrong' }
  }
}

/** What another password would mend. */
function isChangeable(fault: AccountFault): boolean {
  return fault === 'must_change_password' || fault === 'password_expired'
}

async function canChange(
  { connections }: Pick<AdmitDeps, 'connections'>,
  connection: Connection,
): Promise<boolean> {
  return (await connections.open(connection)).password?.change !== undefined
}

/**
 * Another password, where the directory wants one before it lets somebody in.
 *
 * @param input `name` of the connection that wants it
 */
export async function changeAtDirectory(
  { connections }: Pick<AdmitDeps, 'connections'>,
  input: { name: string; login: string; current: string; next: string },
): Promise<PasswordChange> {
  const { name, login, current, next } = input
  const connection = await connections.find(name)
  const connector = connection && (await connections.open(connection)).password
  if (!connector?.change) return { kind: 'refused', reason: 'not_allowed' }
  if (current.trim() === '' || next.trim() === '') return { kind: 'refused', reason: 'policy' }
  return await connector.change({ login: login.trim(), current, next })
}
