import {
  AndFilter,
  EqualityFilter,
  ExtensibleFilter,
  type Filter,
  FilterParser,
  OrFilter,
} from 'ldapts'
import type { Connection } from './connection.ts'
import { firstText, textsOf } from './entry.ts'
import { escapeFilterValue, fill } from './escape.ts'
import type { Entry } from './message.ts'
import type { Profile } from './profile.ts'

/** The groups of a person, as the connection asks for them; no more of them than it says. */

export type Group = { dn: string; name: string }

/** [MS-ADTS] §3.1.1.3.4.4.3, LDAP_MATCHING_RULE_TRANSITIVE_EVAL: the server walks. */
const IN_CHAIN = '1.2.840.113556.1.4.1941'
/** Groups whose groups are asked for at once. */
const BATCH = 25

/** @throws LdapError */
export async function groupsOf(
  entry: Entry,
  profile: Profile,
  connection: Connection,
): Promise<Group[]> {
  const { mode, nested, max } = profile.settings.groups
  if (mode === 'none') return []
  if (nested && profile.isActiveDirectory) {
    return searchGroups(connection, profile, chainFilter(entry.dn), max)
  }
  const own =
    mode === 'member_of'
      ? memberOf(entry, max)
      : await searchGroups(connection, profile, filterFor(entry, profile), max)
  return nested ? walk(own, profile, connection) : own
}

/** Whether one of these is a group that the connection lets in, by its name or its DN. */
export function isInRequired(groups: readonly Group[], required: readonly string[]): boolean {
  if (required.length === 0) return true
  const wanted = new Set(required.map(comparable))
  return groups.some(({ dn, name }) => wanted.has(comparable(dn)) || wanted.has(comparable(name)))
}

function comparable(text: string): string {
  return text
    .trim()
    .replace(/\s*([,=])\s*/g, '$1')
    .toLowerCase()
}

function memberOf(entry: Entry, max: number): Group[] {
  return textsOf(entry, 'memberOf')
    .slice(0, max)
    .map((dn) => ({ dn, name: firstRdnValue(dn) }))
}

function chainFilter(dn: string): Filter {
  const isGroup = new EqualityFilter({ attribute: 'objectClass', value: 'group' })
  const isIn = new ExtensibleFilter({ matchType: 'member', rule: IN_CHAIN, value: dn })
  return new AndFilter({ filters: [isGroup, isIn] })
}

function filterFor(entry: Entry, { groupFilter, mapping }: Profile): Filter {
  const [username] = mapping.username.map((name) => firstText(entry, name)).filter((text) => text)
  const values = { dn: entry.dn, username: username ?? '' }
  return FilterParser.parseString(
    fill(groupFilter, {
      dn: escapeFilterValue(values.dn),
      username: escapeFilterValue(values.username),
    }),
  )
}

async function searchGroups(
  connection: Connection,
  { settings }: Profile,
  filter: Filter,
  limit: number,
): Promise<Group[]> {
  const { base_dn = settings.base_dn, name_attribute } = settings.groups
  const found = await connection.search({
    ...{ base: base_dn, scope: 'sub', filter, limit },
    attributes: [name_attribute],
  })
  return found.map((entry) => ({
    dn: entry.dn,
    name: firstText(entry, name_attribute) ?? firstRdnValue(entry.dn),
  }))
}

/** Level by level; a group that was met is not asked about again, so circles end. */
async function walk(own: Group[], profile: Profile, connection: Connection): Promise<Group[]> {
  const { max, max_depth } = profile.settings.groups
  const known = new Map(own.map((group) => [comparable(group.dn), group]))
  let level = own
  for (let depth = 1; depth < max_depth && level.length > 0 && known.size < max; depth++) {
    const above = await groupsAbove(level, profile, connection, max)
    level = above.filter(({ dn }) => !known.has(comparable(dn)))
    for (const group of level) known.set(comparable(group.dn), group)
  }
  return [...known.values()].slice(0, max)
}

async function groupsAbove(
  level: readonly Group[],
  profile: Profile,
  connection: Connection,
  max: number,
): Promise<Group[]> {
  const above: Group[] = []
  for (let at = 0; at < level.length; at += BATCH) {
    const filters = level
      .slice(at, at + BATCH)
      .flatMap(({ dn }) =>
        ['member', 'uniqueMember'].map((attribute) => new EqualityFilter({ attribute, value: dn })),
      )
    above.push(...(await searchGroups(connection, profile, new OrFilter({ filters }), max)))
  }
  return above
}

/** `cn=Staff\2c all,ou=groups` → `Staff, all` (RFC 4514 §2.4). */
export function firstRdnValue(dn: string): string {
  const value = /^[^=]*= *((?:\\.|[^,+\\])*)/s.exec(dn)?.[1] ?? dn
  // In one go: what an escape stands for may be a backslash, and escapes nothing.
  return value.replace(/((?:\\[0-9a-f]{2})+)|\\(.)/gis, (_, pairs?: string, char?: string) =>
    pairs ? Buffer.from(pairs.replaceAll('\\', ''), 'hex').toString('utf8') : char!,
  )
}
