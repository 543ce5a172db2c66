import { DomainError } from '../../../core/errors.ts'
import type { ConnectorKind } from '../connector.ts'
import { changePassword } from './change_password.ts'
import { checkPassword } from './check_password.ts'
import { createDirectory } from './directory.ts'
import { listPeople } from './list_people.ts'
import { probe } from './probe.ts'
import { profileOf } from './profile.ts'
import { type LdapSettings, ldapSettings } from './settings.ts'

/**
 * Directories that speak LDAP (RFC 4511): OpenLDAP and its like, and Active Directory. This folder asks
 * one and believes no more than it has to. `dial.ts` opens a connection, over TLS unless the settings
 * say otherwise; `channel.ts` makes requests on it within a deadline and a size; `directory.ts` has a
 * pool of them, other servers and a circuit breaker; `check_password.ts`, `change_password.ts`,
 * `list_people.ts` and `probe.ts` are what a connector does. Referrals are never followed: a
 * password goes to the servers that the settings name, and nowhere else.
 */
export const ldapKind: ConnectorKind<LdapSettings> = {
  title: 'Directory',
  signsInBy: 'password',
  settings: ldapSettings,
  secrets: { bind_password: 'optional' },
  // Only what `email_verified` vouches for is called verified at all.
  trustsEmail: true,
  listingLacks: ({ bind_dn }) =>
    bind_dn === undefined ? 'needs settings.bind_dn, an account that may list people' : undefined,
  contradictions: ({ settings, secrets }) => {
    const fault = passwordFault(settings, secrets['bind_password'])
    return fault ? [`settings.${fault}`] : []
  },
  open({ name, settings, secrets }, { clock, log }) {
    const bindPassword = secrets['bind_password']
    assertPassword(name, settings, bindPassword)
    const profile = profileOf(settings)
    const directory = createDirectory({ name, profile, bindPassword }, { clock, log })
    return {
      password: {
        check: (input) => checkPassword(directory, clock, input),
        ...(settings.password_change
          ? { change: (input) => changePassword(directory, input) }
          : {}),
      },
      // Without an account of ours nobody may ask who there is.
      ...(directory.hasServiceAccount ? { directory: listPeople(directory, clock) } : {}),
      probe: () => probe(directory),
      close: async () => directory.close(),
    }
  },
}

function assertPassword(name: string, settings: LdapSettings, password: string | undefined): void {
  const fault = passwordFault(settings, password)
  if (fault) throw new DomainError('invalid_input', `The connection ${name} has a fault. ${fault}.`)
}

/** An empty password would bind nobody, and succeed (RFC 4513 §5.1.2). */
function passwordFault(
  { bind_dn: bindDn }: LdapSettings,
  password: string | undefined,
): string | undefined {
  const isThere = password !== undefined && password.trim() !== ''
  if (bindDn !== undefined && !isThere) {
    return 'bind_password: is needed where there is a bind_dn, and must not be blank'
  }
  return bindDn === undefined && password !== undefined
    ? 'bind_dn: is needed where there is a bind_password'
    : undefined
}
