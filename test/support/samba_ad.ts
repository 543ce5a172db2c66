import { execFile } from 'node:child_process'
import { randomInt } from 'node:crypto'
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import path from 'node:path'
import { promisify } from 'node:util'
import { issueCertificate } from './certificates.ts'
import {
  type Component,
  findProgram,
  needsPrograms,
  startComponent,
  untilReady,
} from './component.ts'
import { temporaryFolder } from './leash.ts'
import type { Availability } from './skip.ts'

/**
 * Samba as an Active Directory domain controller, for tests: its LDAP part alone. Its ports are fixed
 * (389 and 636), so it gets a loopback address of its own; provisioning takes about eight seconds.
 */

export function available(): Availability {
  if (process.getuid?.() !== 0) return { ok: false, reason: 'a domain controller needs root' }
  if (process.platform !== 'linux') return { ok: false, reason: 'only Linux has 127.0.0.0/8' }
  return needsPrograms('samba', 'samba-tool', '/usr/share/samba/setup/provision.ldif')
}

export const REALM = 'ad.example.test'
export const BASE = 'DC=ad,DC=example,DC=test'
export const DOMAIN = 'EXAMPLE'
export const ADMIN = { name: `administrator@${REALM}`, password: 'Passw0rd!23' }

export type SambaAd = {
  /** `ldaps://127.x.y.z` and `ldap://127.x.y.z`, for which the certificate is. */
  ldaps: string
  ldap: string
  caFile: string
  /** Straight at the database, as `samba-tool user create …`. */
  tool(...args: string[]): Promise<void>
  /** Makes the password of this user as old as it takes to be expired. */
  agePassword(user: string): Promise<void>
  /** What `samba-tool user show` prints. */
  show(user: string): Promise<string>
  stop(): Promise<void>
  /** At the same address, with the same data. */
  start(): Promise<void>
}

const run = promisify(execFile)

export async function startSambaAd(): Promise<SambaAd> {
  const folder = temporaryFolder('samba')
  const address = `127.${randomInt(60, 250)}.${randomInt(1, 250)}.${randomInt(2, 250)}`
  const state = path.join(folder, 's')
  const conf = path.join(folder, 'smb.conf')
  mkdirSync(state)
  writeCertificates(folder, address)
  await run(findProgram('samba-tool')!, [
    ...['domain', 'provision', '--use-rfc2307', `--realm=${REALM.toUpperCase()}`],
    ...[`--domain=${DOMAIN}`, '--server-role=dc', '--dns-backend=NONE'],
    ...[`--adminpass=${ADMIN.password}`, `--targetdir=${state}`],
    ...['--host-name=dc1', `--host-ip=${address}`],
  ])
  writeFileSync(conf, configuration(folder, address))
  for (const name of ['ncalrpc', 'cache']) mkdirSync(path.join(state, name), { recursive: true })
  const printed = async (...args: string[]) => {
    const where = ['-H', path.join(state, 'private', 'sam.ldb'), '-s', conf]
    return (await run(findProgram('samba-tool')!, [...args, ...where])).stdout
  }
  const tool = async (...args: string[]) => void (await printed(...args))
  await tool('domain', 'passwordsettings', 'set', ...PASSWORD_SETTINGS)
  let component = await started(folder, conf, address)
  return {
    ldap: `ldap://${address}`,
    ldaps: `ldaps://${address}`,
    caFile: path.join(folder, 'ca.pem'),
    tool,
    agePassword: async (user) => {
      const partition = `${BASE.toUpperCase()}.ldb`
      const file = path.join(state, 'private', 'sam.ldb.d', partition)
      await run('/usr/bin/python3', ['-c', AGE_PASSWORD, file, user])
    },
    show: (user) => printed('user', 'show', user),
    stop: () => component.stop(),
    async start() {
      if (component.hasEnded()) component = await started(folder, conf, address)
    },
  }
}

/** The server itself sets the time to now or to none, so this goes beneath it, as samba-tool does. */
const AGE_PASSWORD = `
import sys, ldb
db = ldb.Ldb(sys.argv[1])
user = db.search(expression='(sAMAccountName=%s)' % sys.argv[2])[0]
change = ldb.Message(user.dn)
change['pwdLastSet'] = ldb.MessageElement('130000000000000000', ldb.FLAG_MOD_REPLACE, 'pwdLastSet')
db.modify(change)
`

const PASSWORD_SETTINGS = [
  ...['--complexity=off', '--min-pwd-length=8', '--min-pwd-age=0', '--max-pwd-age=42'],
  ...['--history-length=0', '--account-lockout-threshold=5', '--account-lockout-duration=10'],
  '--reset-account-lockout-after=10',
]

async function started(folder: string, conf: string, address: string): Promise<Component> {
  const component = startComponent(
    findProgram('samba')!,
    ['-s', conf, '--foreground', '--model=single', '--no-process-group', '--debug-stdout'],
    { logFile: path.join(folder, 'log') },
  )
  await untilReady(component, () => answersAt(address, 636), 60_000)
  return component
}

function answersAt(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, host)
    socket.once('connect', () => resolve(socket.destroy() !== undefined))
    socket.once('error', () => resolve(false))
  })
}

function writeCertificates(folder: string, address: string): void {
  const ca = issueCertificate({ subject: [['CN', 'test CA']], ca: true })
  const leaf = issueCertificate({
    by: ca,
    subject: [['CN', `dc1.${REALM}`]],
    altNames: [
      ['dns', `dc1.${REALM}`],
      ['ip', address],
    ],
    purpose: 'server',
  })
  for (const [name, text] of Object.entries({ ca: ca.cert, cert: leaf.cert, key: leaf.key })) {
    const file = path.join(folder, `${name}.pem`)
    writeFileSync(file, text)
    chmodSync(file, 0o600)
  }
}

function configuration(folder: string, address: string): string {
  const state = path.join(folder, 's')
  return `[global]
 netbios name = DC1
 realm = ${REALM.toUpperCase()}
 workgroup = ${DOMAIN}
 server role = active directory domain controller
 server services = ldap
 bind interfaces only = yes
 interfaces = ${address}/8
 lock directory = ${state}
 cache directory = ${state}/cache
 state directory = ${state}/state
 private dir = ${state}/private
 pid directory = ${state}
 ncalrpc dir = ${state}/ncalrpc
 ntp signd socket directory = ${state}/ntp_signd
 winbindd socket directory = ${state}/wb
 ldap server require strong auth = no
 tls enabled = yes
 tls keyfile = ${folder}/key.pem
 tls certfile = ${folder}/cert.pem
 tls cafile = ${folder}/ca.pem
 idmap_ldb:use rfc2307 = yes
`
}

/** Their password is `Pw-<name>-1!`, their address `<name>@example.test`. */
export function addUser(server: SambaAd, name: string, ...options: string[]): Promise<void> {
  const given = `--given-name=${name[0]!.toUpperCase()}${name.slice(1)}`
  return server.tool(
    ...['user', 'create', name, `Pw-${name}-1!`, given, '--surname=Test'],
    ...[`--mail-address=${name}@example.test`, ...options],
  )
}
