import type { Connector } from '../../../../src/domain/federation/connector.ts'
import { ldapKind } from '../../../../src/domain/federation/ldap/ldap_kind.ts'
import * as openldap from '../../../support/openldap.ts'
import * as samba from '../../../support/samba_ad.ts'

/** A connector of this kind as the deployment opens one, with its log kept. */

export type Opened = Connector & { lines: string[] }

export type OpenOptions = { password?: string | undefined; now?: () => Date }

/** @throws ZodError where the settings are faulty */
export function openLdap(settings: object, { password, now }: OpenOptions = {}): Opened {
  const lines: string[] = []
  const note = (...args: unknown[]) => void lines.push(JSON.stringify(args))
  const log = { warn: note, info: note, error: note, debug: note }
  const connector = ldapKind.open(
    {
      name: 'staff',
      settings: ldapKind.settings.parse(settings),
      secrets: password === undefined ? {} : { bind_password: password },
    },
    {
      clock: { now: now ?? (() => new Date()) },
      log: log as never,
      outbound: undefined as never,
      issuer: 'https://login.example.test',
    },
  )
  return { ...connector, lines }
}

/** For a server of test/support/openldap.ts, with its service account. */
export function openForOpenLdap(server: openldap.OpenLdap, settings: object = {}): Opened {
  const given = { ...genericSettings(server), ...settings }
  return openLdap(given, { password: openldap.READER.password })
}

export function genericSettings(server: openldap.OpenLdap) {
  return {
    servers: [server.ldaps],
    ca_file: server.caFile,
    bind_dn: openldap.READER.dn,
    base_dn: openldap.BASE,
  }
}

/** For a server of test/support/samba_ad.ts, with its administrator as the service account. */
export function openForSamba(server: samba.SambaAd, settings: object = {}): Opened {
  const given = {
    ...{ servers: [server.ldaps], ca_file: server.caFile, directory: 'active_directory' },
    ...{ bind_dn: samba.ADMIN.name, base_dn: samba.BASE },
    ...settings,
  }
  const password = 'bind_dn' in given && given.bind_dn ? samba.ADMIN.password : undefined
  return openLdap(given, { password })
}
