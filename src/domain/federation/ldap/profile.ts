import type { Server } from './dial.ts'
import type { LdapSettings } from './settings.ts'

/** The settings with what the family of the server gives: what the rest of this folder works by. */
export type Profile = Readonly<{
  settings: LdapSettings
  servers: readonly Server[]
  isActiveDirectory: boolean
  subjectAttribute: string
  userFilter: string
  listFilter: string
  groupFilter: string
  /** By the name of the claim: attributes of which the first that has a value counts. */
  mapping: Readonly<Record<ClaimName, readonly string[]>>
  /** All that is asked of the entry of a person. */
  attributes: readonly string[]
}>

export type ClaimName = keyof LdapSettings['attributes']

type Family = {
  subjectAttribute: string
  userFilter: string
  listFilter: string
  groupFilter: string
  mapping: Record<ClaimName, readonly string[]>
  /** What tells the state of an account. */
  state: readonly string[]
}

const COMMON = {
  email: ['mail'],
  phone: ['mobile'],
  name: ['displayName', 'cn'],
  given_name: ['givenName'],
  family_name: ['sn'],
  middle_name: [],
  nickname: [],
  locale: ['preferredLanguage'],
  zoneinfo: [],
  // The photographs of directories are bytes, and the claim is an address (Core §5.1).
  picture: [],
  profile: [],
} as const

const GENERIC: Family = {
  subjectAttribute: 'entryUUID',
  userFilter: '(&(objectClass=inetOrgPerson)(uid={login}))',
  listFilter: '(objectClass=inetOrgPerson)',
  groupFilter: '(|(member={dn})(uniqueMember={dn}))',
  mapping: { ...COMMON, username: ['uid'], website: [] },
  state: ['pwdAccountLockedTime', 'pwdReset', 'nsAccountLock', 'shadowExpire'],
}

const ACTIVE_DIRECTORY: Family = {
  subjectAttribute: 'objectGUID',
  userFilter:
    '(&(objectCategory=person)(objectClass=user)(|(sAMAccountName={login})(userPrincipalName={login})))',
  listFilter: '(&(objectCategory=person)(objectClass=user))',
  groupFilter: '(&(objectClass=group)(member={dn}))',
  mapping: { ...COMMON, username: ['sAMAccountName'], website: ['wWWHomePage'] },
  state: [
    'userAccountControl',
    'msDS-User-Account-Control-Computed',
    'accountExpires',
    'lockoutTime',
    'pwdLastSet',
  ],
}

export function profileOf(settings: LdapSettings): Profile {
  const isActiveDirectory = settings.directory === 'active_directory'
  const family = isActiveDirectory ? ACTIVE_DIRECTORY : GENERIC
  const mapping = { ...family.mapping, ...mappingOf(settings) }
  const subjectAttribute = settings.subject_attribute ?? family.subjectAttribute
  return {
    settings,
    servers: settings.servers.map((url) => serverOf(url, settings.tls)),
    isActiveDirectory,
    subjectAttribute,
    userFilter: settings.user_filter ?? family.userFilter,
    listFilter: settings.list_filter ?? family.listFilter,
    groupFilter: settings.groups.filter ?? family.groupFilter,
    mapping,
    attributes: [
      ...new Set([
        subjectAttribute,
        ...Object.values(mapping).flat(),
        ...family.state,
        ...settings.extra_attributes,
        ...(settings.groups.mode === 'member_of' ? ['memberOf'] : []),
      ]),
    ],
  }
}

function mappingOf({ attributes }: LdapSettings): Partial<Record<ClaimName, readonly string[]>> {
  return Object.fromEntries(
    Object.entries(attributes).flatMap(([claim, names]) =>
      names === undefined ? [] : [[claim, names ?? []]],
    ),
  )
}

function serverOf(text: string, tls: LdapSettings['tls']): Server {
  const url = new URL(text)
  const secure = url.protocol === 'ldaps:'
  const port = Number(url.port || (secure ? 636 : 389))
  return {
    url: `${url.protocol}//${url.hostname}:${port}`,
    host: url.hostname.replace(/^\[|\]$/g, ''),
    port,
    security: secure ? 'tls' : tls === 'none' ? 'plain' : 'starttls',
  }
}
