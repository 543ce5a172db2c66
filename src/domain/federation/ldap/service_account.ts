import type { Connection } from './connection.ts'
import { LdapError } from './ldap_error.ts'

/** The account that a connection looks people up with, where it has one. */
export type ServiceAccount = {
  isThere: boolean
  /** Binds it; nobody where there is none. @throws LdapError `bind_refused` */
  bindOn(connection: Connection): Promise<void>
}

export function serviceAccount(
  dn: string | undefined,
  password: string | undefined,
): ServiceAccount {
  if (dn === undefined || password === undefined) return { isThere: false, async bindOn() {} }
  return {
    isThere: true,
    async bindOn(connection) {
      const { kind } = await connection.bind(dn, password)
      if (kind !== 'bound') throw new LdapError('bind_refused', connection.channel.server)
    },
  }
}
