import { createServer, type Socket } from 'node:net'
import { createClient } from '../src/domain/clients/create_client.ts'
import { KINDS } from '../src/domain/federation/kinds.ts'
import { createConnection } from '../src/domain/federation/manage_connections.ts'
import { freePort } from '../test/support/free_port.ts'
import { type Browser, browser, type Reply } from '../test/support/http.ts'
import {
  available,
  BASE,
  type OpenLdap,
  personLdif,
  READER,
  startOpenLdap,
} from '../test/support/openldap.ts'
import { type Bench, onPostgres, startMeasured } from './support/measured_server.ts'
import { judge, median, percentile, printHeading, printRows, type Row } from './support/report.ts'
import { temporaryFolder } from './support/server_process.ts'
import { steadily } from './support/steadily.ts'

/**
 * What a dead directory does to those who sign in by a live one. Half of the people have a real
 * OpenLDAP; the other half has one whose port takes connections and never says a word. Both are
 * connections of one server. In the rounds without the dead one the other half goes to a directory
 * that is shut and says so at once, so that the pages cost the same. The rounds take turns.
 * `LOGINS_PER_S` sets another pace.
 */

const ROUNDS = 3
const ROUND_S = 10
const LOGINS_PER_S = Number(process.env['LOGINS_PER_S'] ?? 50)
const EACH_PER_S = LOGINS_PER_S / 2
const PEOPLE = ROUND_S * EACH_PER_S
const TIMES_ALONE = 1.25

const REDIRECT_URI = 'https://rp.example.test/callback'

export async function measure(): Promise<boolean> {
  const openldap = available()
  if (!openldap.ok) throw new Error(openldap.reason)
  printHeading('Logins by directories')
  const people = Array.from({ length: PEOPLE }, (_, n) => personLdif(`p${n}`))
  const directory = await startOpenLdap({ ldif: people.join('') })
  const dead = await swallow()
  const folder = await temporaryFolder()
  try {
    return await onPostgres(folder, async (connection) => {
      const prepare = (bench: Bench) => connect(bench, directory, dead.port)
      const env = { AUTHCORE_TRUSTED_PROXIES: '127.0.0.0/8,::1/128' }
      const { issuer, server } = await startMeasured(folder, connection, { prepare, env })
      try {
        return await compare(issuer)
      } finally {
        await server.stop()
      }
    })
  } finally {
    dead.stop()
    await directory.stop()
  }
}

async function compare(issuer: string): Promise<boolean> {
  const others: Record<string, Record<string, number>> = {}
  const round = async (domain: string): Promise<number[]> => {
    const live = await liveLogins(issuer)
    const other = await otherLogins(issuer, domain)
    const pace = { seconds: ROUND_S, perS: EACH_PER_S }
    const [took, statuses] = await Promise.all([
      steadily(live, pace),
      steadily(other.login, pace).then(() => other.statuses),
    ])
    others[domain] = added(others[domain], statuses)
    return took
  }
  // Everybody's account is made, and every connection opened, before anything counts.
  await round('nowhere.test')
  const [alone, beside]: [number[], number[]] = [[], []]
  for (let i = 0; i < ROUNDS; i++) {
    alone.push(...(await round('nowhere.test')))
    beside.push(...(await round('dead.test')))
  }
  printRows([...rowsOf('alone', alone), ...rowsOf('beside a dead one', beside)])
  console.log(`\nthe other half by status: ${JSON.stringify(others)}`)
  console.log(`refused at the live directory, the first round included: ${refused}`)
  if (refused > 0) console.log('That is too many for this machine: set LOGINS_PER_S lower.')
  const met = judge(
    'p99 at the live directory, times alone',
    percentile(beside, 0.99) / percentile(alone, 0.99),
    TIMES_ALONE,
    'times',
  )
  return met && refused === 0
}

function rowsOf(what: string, values: readonly number[]): Row[] {
  const ms = (value: number) => `${value.toFixed(1)} ms`
  return [
    { what: `a login, ${what}: median`, value: ms(median(values)) },
    { what: `a login, ${what}: p95`, value: ms(percentile(values, 0.95)) },
    { what: `a login, ${what}: p99`, value: ms(percentile(values, 0.99)) },
  ]
}

function added(before: Record<string, number> = {}, more: Record<string, number>) {
  const sum = { ...before }
  for (const [status, count] of Object.entries(more)) sum[status] = (sum[status] ?? 0) + count
  return sum
}

/** Sign-in pages that are open before the round begins: what is measured is the password alone. */
async function liveLogins(issuer: string): Promise<(n: number) => Promise<void>> {
  const pages: { person: Browser; page: Reply }[] = []
  for (let n = 0; n < PEOPLE; n++) pages.push(await openPage(issuer, n))
  return async (n) => {
    const { person, page } = pages[n]!
    const fields = { login: `p${n}@example.test`, password: `pw-p${n}` }
    const reply = await person.submit(page, fields, { headers: from(n) })
    if (reply.location) return
    if (reply.status !== 503) throw new Error(`${reply.status}: ${reply.text().slice(0, 300)}`)
    refused++
  }
}

/** One page serves them all: nobody of them gets in. */
async function otherLogins(issuer: string, domain: string) {
  const statuses: Record<string, number> = {}
  const { person, page } = await openPage(issuer, 0)
  const login = async (n: number) => {
    const fields = { login: `q${n}.${tries++}@${domain}`, password: `a password ${n}` }
    const { status } = await person.submit(page, fields, { headers: from(PEOPLE + tries) })
    statuses[status] = (statuses[status] ?? 0) + 1
  }
  return { login, statuses }
}

let tries = 0
/** Of the live half, by a server that had too many passwords waiting already. */
let refused = 0

async function openPage(issuer: string, n: number) {
  const url = new URL('/authorize', issuer)
  url.search = new URLSearchParams({
    client_id: 'bench-web',
    response_type: 'code',
    redirect_uri: REDIRECT_URI,
    scope: 'openid',
    code_challenge: 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM',
    code_challenge_method: 'S256',
  }).toString()
  const person = browser()
  const page = await person.followAll(await person.get(url.href, { headers: from(n) }))
  return { person, page }
}

/** Each comes from an address of its own, so that no limit of one address counts. */
function from(n: number) {
  return { 'x-forwarded-for': `198.18.${(n >> 8) & 255}.${n & 255}` }
}

/** Takes every connection and never says a word. */
async function swallow(): Promise<{ port: number; stop(): void }> {
  const port = await freePort()
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => {}).on('close', () => sockets.delete(socket))
  })
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve))
  return {
    port,
    stop() {
      server.close()
      for (const socket of sockets) socket.destroy()
    },
  }
}

async function connect(bench: Bench, directory: OpenLdap, deadPort: number): Promise<void> {
  await createClient(bench, {
    clientId: 'bench-web',
    name: 'Measurement',
    preset: 'web',
    metadata: { redirect_uris: [REDIRECT_URI] },
  })
  const settings = { bind_dn: READER.dn, base_dn: BASE, email_verified: true }
  const user_filter = '(&(objectClass=inetOrgPerson)(mail={login}))'
  for (const { name, server, domain } of [
    { name: 'live', server: directory.ldaps, domain: 'example.test' },
    { name: 'dead', server: `ldaps://127.0.0.1:${deadPort}`, domain: 'dead.test' },
    { name: 'shut', server: `ldaps://127.0.0.1:${await freePort()}`, domain: 'nowhere.test' },
  ]) {
    const content = {
      name,
      kind: 'ldap',
      domains: [domain],
      password: 'hidden',
      settings: { ...settings, user_filter, servers: [server], ca_file: directory.caFile },
    }
    const secrets = { bind_password: READER.password }
    await createConnection({ ...bench, kinds: KINDS }, { content, secrets })
  }
}
