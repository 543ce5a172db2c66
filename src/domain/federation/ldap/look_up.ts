import { AndFilter, type Filter, FilterParser, PresenceFilter } from 'ldapts'
import type { Connection } from './connection.ts'
import { escapeDnValue, escapeFilterValue, fill } from './escape.ts'
import type { Entry } from './message.ts'
import type { Profile } from './profile.ts'
import { subjectFilter } from './subject.ts'

/** From what somebody typed to the entry that is meant, or to nobody. */

const MAX_LOGIN_LENGTH = 256
const MAX_PASSWORD_LENGTH = 1024

/** What may be sent to a directory as somebody's name, without the spaces around it. */
export function acceptableLogin(text: string): string | undefined {
  const login = text.trim()
  const isFine = login.length <= MAX_LOGIN_LENGTH && login.isWellFormed()
  return isFine && !/\p{Cc}/u.test(login) && login !== '' ? login : undefined
}

/**
 * Whether it may be sent at all. A server takes an empty one for a wish to be nobody and says yes
 * (RFC 4513 §5.1.2), and some cut off what follows NUL, or the spaces around.
 */
export function isAcceptablePassword(password: string): boolean {
  return (
    password.trim() !== '' &&
    password.length <= MAX_PASSWORD_LENGTH &&
    password.isWellFormed() &&
    !password.includes('\0')
  )
}

export type Found = { kind: 'one'; entry: Entry } | { kind: 'none' } | { kind: 'several' }

/** By the filter for people who sign in. @throws LdapError */
export function findByLogin(
  login: string,
  profile: Profile,
  connection: Connection,
): Promise<Found> {
  const text = fill(profile.userFilter, { login: escapeFilterValue(login) })
  return findOne(FilterParser.parseString(text), profile, connection)
}

/** By the immutable id, among those that the connection lists. @throws LdapError */
export async function findBySubject(
  subject: string,
  profile: Profile,
  connection: Connection,
): Promise<Found> {
  const hasSubject = subjectFilter(subject, profile.subjectAttribute)
  if (!hasSubject) return { kind: 'none' }
  const isListed = FilterParser.parseString(profile.listFilter)
  return findOne(new AndFilter({ filters: [isListed, hasSubject] }), profile, connection)
}

async function findOne(filter: Filter, profile: Profile, connection: Connection): Promise<Found> {
  const { base_dn: base } = profile.settings
  const entries = await connection.search({
    ...{ base, scope: 'sub', filter, limit: 2 },
    attributes: profile.attributes,
  })
  return foundOf(entries)
}

function foundOf(entries: readonly Entry[]): Found {
  const [entry, other] = entries
  if (other) return { kind: 'several' }
  return entry ? { kind: 'one', entry } : { kind: 'none' }
}

/** A name that somebody is bound by at once, and how their entry is found then. */
export type DirectName = {
  bindName: string
  read(connection: Connection): Promise<Found>
}

/** Undefined where the name cannot be anybody's here. */
export function directName(login: string, profile: Profile): DirectName | undefined {
  return profile.settings.bind === 'template'
    ? templateName(login, profile)
    : activeDirectoryName(login, profile)
}

function templateName(login: string, profile: Profile): DirectName {
  const dn = fill(profile.settings.user_dn_template ?? '', { login: escapeDnValue(login) })
  const filter = new PresenceFilter({ attribute: 'objectClass' })
  const { attributes } = profile
  return {
    bindName: dn,
    read: async (connection) =>
      foundOf(await connection.search({ base: dn, scope: 'base', filter, attributes, limit: 2 })),
  }
}

/**
 * `DOMAIN\user`, `user@suffix` or a bare name. Of another domain there may be somebody of the same
 * name, so only the domain of the connection is taken for the names in it.
 */
function activeDirectoryName(login: string, profile: Profile): DirectName | undefined {
  const { domain, upn_suffix: suffix } = profile.settings
  const byAccountName = byAttribute('sAMAccountName', profile)
  const [before, after] = splitAtFirst(login, '\\')
  if (after !== undefined) {
    if (!domain || before.toLowerCase() !== domain.toLowerCase()) return undefined
    return { bindName: login, read: byAccountName(after) }
  }
  const at = login.lastIndexOf('@')
  if (at < 0) {
    return {
      bindName: suffix ? `${login}@${suffix}` : `${domain}\\${login}`,
      read: suffix
        ? firstOf(
            byAttribute('userPrincipalName', profile)(`${login}@${suffix}`),
            byAccountName(login),
          )
        : byAccountName(login),
    }
  }
  const byPrincipalName = byAttribute('userPrincipalName', profile)(login)
  const isOurs = suffix && login.slice(at + 1).toLowerCase() === suffix.toLowerCase()
  return {
    bindName: login,
    read: isOurs ? firstOf(byPrincipalName, byAccountName(login.slice(0, at))) : byPrincipalName,
  }
}

function splitAtFirst(text: string, separator: string): [string, string | undefined] {
  const at = text.indexOf(separator)
  return at < 0 ? [text, undefined] : [text.slice(0, at), text.slice(at + 1)]
}

type Read = DirectName['read']

function byAttribute(attribute: string, profile: Profile): (value: string) => Read {
  return (value) => (connection) => {
    const text = `(&${profile.listFilter}(${attribute}=${escapeFilterValue(value)}))`
    return findOne(FilterParser.parseString(text), profile, connection)
  }
}

/** [MS-ADTS] §5.1.1.1.1: the server takes a name for a userPrincipalName first, as we do. */
function firstOf(first: Read, second: Read): Read {
  return async (connection) => {
    const found = await first(connection)
    return found.kind === 'none' ? second(connection) : found
  }
}
