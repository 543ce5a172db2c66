import { execFileSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { Attribute, Change, Client } from 'ldapts'
import { type CertificateOptions, type Issued, issueCertificate } from './certificates.ts'
import {
  accepts,
  type Component,
  findProgram,
  needsPrograms,
  startComponent,
  untilReady,
} from './component.ts'
import { freePort } from './free_port.ts'
import { temporaryFolder } from './leash.ts'
import type { Availability } from './skip.ts'

/** OpenLDAP for tests: ldap:// with StartTLS and ldaps://, with memberOf and a password policy. */

export function available(): Availability {
  return needsPrograms('slapd', 'slapadd')
}

export const BASE = 'dc=example,dc=test'
export const ADMIN = { dn: `cn=admin,${BASE}`, password: 'admin-secret' }
/** May read everybody, and write nothing. */
export const READER = { dn: `cn=reader,${BASE}`, password: 'reader-secret' }

export type OpenLdap = {
  /** `ldap://localhost:…` and `ldaps://localhost:…` */
  ldap: string
  ldaps: string
  caFile: string
  /** Who issued its certificate. */
  ca: Issued
  /** Runs `work` as the administrator. */
  asAdmin<T>(work: (client: Client) => Promise<T>): Promise<T>
  component(): Component
  stop(): Promise<void>
  /** On the same ports, with the same data. */
  start(): Promise<void>
}

export type OpenLdapOptions = {
  /** LDIF of entries beneath BASE that are there from the beginning. */
  ldif?: string
  /** Of the certificate; localhost and 127.0.0.1 otherwise. */
  altNames?: CertificateOptions['altNames']
  ca?: Issued
  /** Seconds from now, of the certificate. */
  from?: number
  until?: number
  /** Lines for the global part of slapd.conf. */
  conf?: string
  /** How large its database may become. */
  maxBytes?: number
}

export function personLdif(uid: string, lines: Record<string, string> = {}): string {
  const given = uid[0]!.toUpperCase() + uid.slice(1)
  const attributes = {
    ...{ uid, cn: `${given} Test`, sn: 'Test', givenName: given },
    ...{ mail: `${uid}@example.test`, userPassword: `pw-${uid}`, ...lines },
  }
  const text = Object.entries(attributes).map(([name, value]) => `${name}: ${value}\n`)
  return `dn: uid=${uid},ou=people,${BASE}\nobjectClass: inetOrgPerson\n${text.join('')}\n`
}

export async function startOpenLdap(options: OpenLdapOptions = {}): Promise<OpenLdap> {
  const folder = temporaryFolder('openldap')
  const [port, tlsPort] = [await freePort(), await freePort()]
  const ca = options.ca ?? issueCertificate({ subject: [['CN', 'test CA']], ca: true })
  writeFiles(folder, ca, options)
  const run = async () => {
    const urls = `ldap://127.0.0.1:${port} ldaps://127.0.0.1:${tlsPort}`
    const component = startComponent(
      findProgram('slapd')!,
      ['-d', '0', '-f', path.join(folder, 'slapd.conf'), '-h', urls],
      { logFile: path.join(folder, 'log') },
    )
    await untilReady(component, async () => (await accepts(port)) && (await accepts(tlsPort)))
    return component
  }
  let component = await run()
  const server = {
    ldap: `ldap://localhost:${port}`,
    ldaps: `ldaps://localhost:${tlsPort}`,
    caFile: path.join(folder, 'ca.pem'),
    ca,
    component: () => component,
    stop: () => component.stop(),
    async start() {
      component = await run()
    },
    async asAdmin<T>(work: (client: Client) => Promise<T>): Promise<T> {
      const client = new Client({ url: `ldap://127.0.0.1:${port}` })
      try {
        await client.bind(ADMIN.dn, ADMIN.password)
        return await work(client)
      } finally {
        await client.unbind()
      }
    },
  }
  return server
}

function writeFiles(folder: string, ca: Issued, options: OpenLdapOptions): void {
  const leaf = issueCertificate({
    by: ca,
    subject: [['CN', 'localhost']],
    altNames: options.altNames ?? [
      ['dns', 'localhost'],
      ['ip', '127.0.0.1'],
    ],
    purpose: 'server',
    ...(options.from === undefined ? {} : { from: options.from }),
    ...(options.until === undefined ? {} : { until: options.until }),
  })
  const write = (name: string, text: string) => writeFileSync(path.join(folder, name), text)
  mkdirSync(path.join(folder, 'db'))
  write('ca.pem', ca.cert)
  write('server.pem', leaf.cert)
  write('server.key', leaf.key)
  write('slapd.conf', configuration(folder, options))
  write('seed.ldif', SEED + (options.ldif ?? ''))
  execFileSync(findProgram('slapadd')!, [
    ...['-q', '-f', path.join(folder, 'slapd.conf')],
    ...['-l', path.join(folder, 'seed.ldif')],
  ])
}

function configuration(
  folder: string,
  { conf = '', maxBytes = 100 * 2 ** 20 }: OpenLdapOptions,
): string {
  return `
include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/inetorgperson.schema
include /etc/ldap/schema/nis.schema
pidfile ${folder}/slapd.pid
argsfile ${folder}/slapd.args
modulepath /usr/lib/ldap
moduleload back_mdb
moduleload back_monitor
moduleload memberof
moduleload refint
moduleload ppolicy
TLSCACertificateFile ${folder}/ca.pem
TLSCertificateFile ${folder}/server.pem
TLSCertificateKeyFile ${folder}/server.key
sizelimit size.soft=500 size.hard=500 size.prtotal=unlimited
${conf}
access to attrs=userPassword by self write by anonymous auth by * none
access to * by dn.exact="${READER.dn}" read by self read by * none

database mdb
maxsize ${maxBytes}
suffix "${BASE}"
rootdn "${ADMIN.dn}"
rootpw ${ADMIN.password}
directory ${folder}/db
dbnosync
index objectClass,uid,mail,cn,member,entryUUID eq
overlay memberof
memberof-refint TRUE
overlay refint
refint_attributes member
overlay ppolicy
ppolicy_default "cn=default,ou=policies,${BASE}"
ppolicy_use_lockout

database monitor
access to * by dn.exact="${ADMIN.dn}" read by * none
`
}

const SEED = `dn: ${BASE}
objectClass: dcObject
objectClass: organization
o: Example
dc: example

dn: ${READER.dn}
objectClass: organizationalRole
objectClass: simpleSecurityObject
cn: reader
userPassword: ${READER.password}

dn: ou=people,${BASE}
objectClass: organizationalUnit
ou: people

dn: ou=groups,${BASE}
objectClass: organizationalUnit
ou: groups

dn: ou=policies,${BASE}
objectClass: organizationalUnit
ou: policies

dn: cn=default,ou=policies,${BASE}
objectClass: pwdPolicy
objectClass: device
cn: default
pwdAttribute: userPassword
pwdLockout: TRUE
pwdMaxFailure: 5
pwdLockoutDuration: 600
pwdFailureCountInterval: 600
pwdMustChange: TRUE
pwdCheckQuality: 1
pwdMinLength: 8
pwdMaxAge: 7776000
pwdGraceAuthNLimit: 0
pwdAllowUserChange: TRUE
pwdSafeModify: FALSE

`

/** A group of these people or groups, made as an administrator makes one, so that memberOf follows. */
export async function addGroup(
  server: OpenLdap,
  cn: string,
  members: readonly string[],
): Promise<string> {
  const dn = `cn=${cn.replaceAll(',', '\\,')},ou=groups,${BASE}`
  await server.asAdmin((client) =>
    client.add(dn, { objectClass: 'groupOfNames', cn, member: [...members] }),
  )
  return dn
}

/** Other values for attributes of an entry; none takes the attribute away. */
export async function replace(
  server: OpenLdap,
  dn: string,
  values: Readonly<Record<string, string | undefined>>,
): Promise<void> {
  const changes = Object.entries(values).map(
    ([type, value]) =>
      new Change({
        operation: 'replace',
        modification: new Attribute({ type, values: value === undefined ? [] : [value] }),
      }),
  )
  await server.asAdmin((client) => client.modify(dn, changes))
}

/** Of the password policy that holds for everybody: `{ pwdLockout: 'FALSE' }`. */
export function changePolicy(server: OpenLdap, values: Record<string, string>): Promise<void> {
  return replace(server, `cn=default,ou=policies,${BASE}`, values)
}

export function added(type: string, value: string): Change {
  return new Change({ operation: 'add', modification: new Attribute({ type, values: [value] }) })
}

/** Those that clients hold open now, but the one that asks. */
export async function connectionsTo(server: OpenLdap): Promise<number> {
  const { searchEntries } = await server.asAdmin((client) =>
    client.search('cn=Current,cn=Connections,cn=Monitor', {
      scope: 'base',
      attributes: ['monitorCounter'],
    }),
  )
  return Number(searchEntries[0]!['monitorCounter']) - 1
}
