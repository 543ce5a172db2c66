import { readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { parse, stringify } from 'yaml'
import { temporaryFolder } from './leash.ts'
import type { OpenLdap } from './openldap.ts'
import * as openldap from './openldap.ts'
import type { SambaAd } from './samba_ad.ts'
import * as samba from './samba_ad.ts'

/** Files of connections for the command line: those of docs/examples, with what a test has put in. */
export type ConnectionFile = {
  name: string
  settings: Record<string, unknown>
  [member: string]: unknown
}

const EXAMPLES = fileURLToPath(new URL('../../docs/examples/', import.meta.url))

let folder: string | undefined

/** @returns the path of a new file */
export function writeConnection(name: string, content: ConnectionFile | string): string {
  folder ??= temporaryFolder('connections')
  const file = path.join(folder, name)
  writeFileSync(file, typeof content === 'string' ? content : stringify(content))
  return file
}

/** ldap_openldap.yaml for this server; its groups are `staff` and `contractors`. */
export function openLdapExample({ ldaps, caFile }: OpenLdap): ConnectionFile {
  const example = read('ldap_openldap.yaml')
  return {
    ...example,
    domains: ['example.test'],
    settings: {
      ...example.settings,
      servers: [ldaps],
      ca_file: caFile,
      bind_dn: openldap.READER.dn,
      bind_password: { file: writeConnection('ldap_password', `${openldap.READER.password}\n`) },
      base_dn: openldap.BASE,
      groups: {
        ...(example.settings['groups'] as object),
        base_dn: `ou=groups,${openldap.BASE}`,
      },
    },
  }
}

/** The variable that the example names for the password of the account that reads. */
export const CORP_PASSWORD = 'CORP_DIRECTORY_PASSWORD'

/** ldap_active_directory.yaml for this server, read by its user `authcore`. */
export function activeDirectoryExample({ ldaps, caFile }: SambaAd): ConnectionFile {
  const example = read('ldap_active_directory.yaml')
  return {
    ...example,
    domains: [samba.REALM],
    settings: {
      ...example.settings,
      servers: [ldaps],
      ca_file: caFile,
      domain: samba.DOMAIN,
      upn_suffix: samba.REALM,
      bind_dn: `authcore@${samba.REALM}`,
      base_dn: samba.BASE,
      required_groups: [`CN=AuthCore users,OU=Groups,${samba.BASE}`],
    },
  }
}

function read(name: string): ConnectionFile {
  return parse(readFileSync(path.join(EXAMPLES, name), 'utf8')) as ConnectionFile
}
