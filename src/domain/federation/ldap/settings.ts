import { FilterParser } from 'ldapts'
import { z } from 'zod'

/**
 * The settings of a connection of this kind, by the names of its file. What differs between the two
 * families of servers is in `profile.ts`; here is what may be written, with every fault named.
 */

const PROTECTED =
  /^(userpassword|unicodepwd|dbcspwd|ntpwdhistory|lmpwdhistory|supplementalcredentials|krbprincipalkey|sambantpassword|sambalmpassword|pwdhistory|ipanthash|ms-mcs-admpwd|mslaps-.*)$/i

const server = z.string().superRefine((text, ctx) => {
  const url = URL.parse(text)
  const fault = !url
    ? 'must be an address such as ldaps://ldap.example.com'
    : !/^ldaps?:$/.test(url.protocol)
      ? 'must begin with ldaps:// or ldap://'
      : url.hostname === ''
        ? 'must name a host'
        : url.username || url.password || url.search || url.hash || !/^\/?$/.test(url.pathname)
          ? 'must be a scheme, a host and a port: no user, path or query'
          : undefined
  if (fault) ctx.addIssue({ code: 'custom', message: fault })
})

const attribute = z
  .string()
  .regex(/^[A-Za-z][A-Za-z0-9-]{0,63}$/, { error: 'must be the name of an attribute such as mail' })
  .refine((name) => !PROTECTED.test(name), { error: 'is a secret, which is never read' })

/** One attribute, several of which the first that has a value counts, or null for none. */
const mapped = z.union(
  [attribute.transform((name) => [name]), z.array(attribute).max(4), z.null()],
  {
    error: 'must be an attribute, a list of up to four, or null',
  },
)

const dn = z
  .string()
  .max(512)
  .regex(/^[A-Za-z0-9.-]+\s*=.+$/s, {
    error: 'must be a distinguished name such as ou=people,dc=example,dc=com',
  })

const filter = z
  .string()
  .max(2048)
  .superRefine((text, ctx) => {
    const fault = filterFault(text)
    if (fault) ctx.addIssue({ code: 'custom', message: fault })
  })

function filterFault(text: string): string | undefined {
  if (!/^\(.*\)$/s.test(text)) return 'must be a filter in parentheses such as (uid={login})'
  if (/\\[89a-f][0-9a-f]/i.test(text)) {
    return 'must have letters outside of ASCII as they are, not as \\xx'
  }
  try {
    FilterParser.parseString(text.replace(/\{\w+\}/g, 'x'))
    return undefined
  } catch {
    return 'is not a filter (RFC 4515)'
  }
}

const milliseconds = (initial: number, max: number) => z.int().min(50).max(max).default(initial)

const file = z.string().min(1).startsWith('/', { error: 'must be the full path of a file' })

const groups = z.strictObject({
  /** `none`: not asked for. `member_of`: as the entry has them. `search`: groups that have it. */
  mode: z.enum(['none', 'member_of', 'search']).default('none'),
  /** Groups of groups as well. */
  nested: z.boolean().default(false),
  base_dn: dn.optional(),
  filter: filter.optional(),
  name_attribute: attribute.default('cn'),
  /** How many levels up are walked. Not for Active Directory, which walks itself. */
  max_depth: z.int().min(1).max(20).default(5),
  max: z.int().min(1).max(5000).default(500),
})

const attributes = z.strictObject({
  username: mapped.optional(),
  email: mapped.optional(),
  phone: mapped.optional(),
  name: mapped.optional(),
  given_name: mapped.optional(),
  family_name: mapped.optional(),
  middle_name: mapped.optional(),
  nickname: mapped.optional(),
  locale: mapped.optional(),
  zoneinfo: mapped.optional(),
  picture: mapped.optional(),
  profile: mapped.optional(),
  website: mapped.optional(),
})

const shape = z.strictObject({
  servers: z.array(server).min(1).max(8),
  /** `required`: ldaps://, or StartTLS at ldap://. `none`: passwords cross the network in the clear. */
  tls: z.enum(['required', 'none']).default('required'),
  server_name: z.string().min(1).max(253).optional(),
  ca_file: file.optional(),
  client_certificate: z.strictObject({ cert_file: file, key_file: file }).optional(),
  directory: z.enum(['generic', 'active_directory']).default('generic'),
  bind: z.enum(['search', 'template', 'active_directory']).default('search'),
  bind_dn: z.string().min(1).max(512).optional(),
  base_dn: dn,
  user_filter: filter.optional(),
  user_dn_template: dn.optional(),
  /** NetBIOS name: the part before the backslash of DOMAIN\user. */
  domain: z
    .string()
    .regex(/^[A-Za-z0-9._-]{1,64}$/)
    .optional(),
  /** What stands behind the @ of a bare name. */
  upn_suffix: z
    .string()
    .regex(/^[A-Za-z0-9.-]{1,253}$/)
    .optional(),
  list_filter: filter.optional(),
  subject_attribute: z
    .enum(['entryUUID', 'objectGUID', 'nsUniqueId', 'ipaUniqueID', 'GUID'], {
      error: 'must be an id that is never given again: entryUUID, objectGUID, nsUniqueId, …',
    })
    .optional(),
  attributes: attributes.default({}),
  extra_attributes: z.array(attribute).max(50).default([]),
  /** The administrators of the directory have checked the addresses in it. */
  email_verified: z.boolean().default(false),
  groups: groups.prefault({}),
  /** Names or DNs; whoever is in none of them is kept out. */
  required_groups: z.array(z.string().min(1).max(512)).max(50).default([]),
  password_change: z.boolean().default(false),
  timeouts: z
    .strictObject({
      connect_ms: milliseconds(3000, 30_000),
      bind_ms: milliseconds(5000, 30_000),
      search_ms: milliseconds(5000, 60_000),
    })
    .prefault({}),
  pool: z
    .strictObject({
      max_connections: z.int().min(1).max(100).default(8),
      idle_ms: milliseconds(60_000, 3_600_000),
    })
    .prefault({}),
  circuit: z
    .strictObject({
      failures: z.int().min(1).max(100).default(5),
      retry_after_ms: milliseconds(30_000, 600_000),
    })
    .prefault({}),
  limits: z
    .strictObject({
      /** Values that are larger are left out. */
      attribute_bytes: z.int().min(256).max(1_048_576).default(65_536),
      /** Larger answers are refused. */
      answer_bytes: z.int().min(65_536).max(268_435_456).default(8_388_608),
    })
    .prefault({}),
})

export type LdapSettings = z.infer<typeof shape>

export const ldapSettings: z.ZodType<LdapSettings> = shape.superRefine((settings, ctx) => {
  for (const [path, message] of contradictions(settings)) {
    ctx.addIssue({ code: 'custom', path: path.split('.'), message })
  }
})

/** Settings that each are fine and do not go together. */
function* contradictions(settings: LdapSettings): Generator<[path: string, message: string]> {
  const { bind, directory, groups, tls } = settings
  if (tls === 'none' && settings.servers.some((url) => /^ldaps:/i.test(url))) {
    yield ['tls', 'must not be none where a server is ldaps://']
  }
  if (tls === 'none' && settings.password_change && directory === 'active_directory') {
    yield ['password_change', 'needs TLS: Active Directory changes no password without']
  }
  if (bind === 'search' && !settings.bind_dn) {
    yield ['bind_dn', 'is needed where `bind` is search: the account that looks people up']
  }
  if (bind === 'template' && !settings.user_dn_template?.includes('{login}')) {
    yield ['user_dn_template', 'must be there and hold {login} where `bind` is template']
  }
  if (bind === 'active_directory' && directory !== 'active_directory') {
    yield ['directory', 'must be active_directory where `bind` is']
  }
  if (bind === 'active_directory' && !settings.domain && !settings.upn_suffix) {
    yield ['upn_suffix', 'or `domain` is needed where `bind` is active_directory']
  }
  if (settings.user_filter && !settings.user_filter.includes('{login}')) {
    yield ['user_filter', 'must hold {login}']
  }
  if (groups.filter && !/\{(dn|username)\}/.test(groups.filter)) {
    yield ['groups.filter', 'must hold {dn} or {username}']
  }
  if (settings.required_groups.length > 0 && groups.mode === 'none') {
    yield ['groups.mode', 'must be member_of or search where there are required_groups']
  }
}
