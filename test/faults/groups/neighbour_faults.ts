import { randomInt, randomUUID } from 'node:crypto'
import { KINDS } from '../../../src/domain/federation/kinds.ts'
import { createConnection } from '../../../src/domain/federation/manage_connections.ts'
import { CALLBACK } from '../../support/authcore.ts'
import { openLdapExample } from '../../support/connection_files.ts'
import { type FaultProxy, type Mode, startFaultProxy } from '../../support/fault_proxy.ts'
import { freePort } from '../../support/free_port.ts'
import type { Browser, Reply } from '../../support/http.ts'
import { startOpenIdSource } from '../../support/openid_source.ts'
import * as openldap from '../../support/openldap.ts'
import { type SmtpSink, startSmtp } from '../../support/smtp.ts'
import { hearPage } from '../harness/answers.ts'
import { browserOf, PATIENCE_MS, pkce, written } from '../harness/asking.ts'
import type { Fault, Group, Setting, Visitor } from '../harness/fault.ts'
import { type Parts, startStand } from '../harness/stand.ts'

/**
 * Servers of others that we ask: for mail, for passwords, for who somebody is. Whoever needs one is
 * told that it does not answer; nobody else may notice.
 */

type Neighbours = Setting & {
  lines: Record<'smtp' | 'ldap' | 'openid', FaultProxy>
  mail: SmtpSink
}

const PASSWORD = 'pw-grace'
const GRACE = 'grace@corp.test'
const NOT_TOLD = 'hal@elsewhere.test'

export const neighbourFaults: Group<Neighbours> = {
  title: 'servers of others that fail',
  needs: openldap.available,
  start: startNeighbours,
  faults: (['hangs', 'refuses'] as const).flatMap((mode) => [
    neighbour('smtp', mode, 'the mail server', []),
    neighbour('ldap', mode, 'the directory', ['unavailable']),
    neighbour('openid', mode, 'the OpenID Provider that people sign in at', ['unavailable']),
  ]),
}

function neighbour(
  line: keyof Neighbours['lines'],
  mode: Exclude<Mode, 'passes'>,
  who: string,
  meets: Fault['meets'],
): Fault<Neighbours> {
  const [trouble] = meets
  return {
    name: `${line}_${mode}`,
    what: `${who} ${mode === 'hangs' ? 'takes calls and says nothing' : 'refuses every call'}`,
    async strike({ lines }) {
      lines[line].set(mode)
      return async () => lines[line].set('passes')
    },
    lastsMs: { short: 1_000, long: 15_000 },
    meets,
    onlyFor: `visitor ${line}`,
    ...(trouble ? { mustMeet: trouble } : {}),
  }
}

async function startNeighbours(): Promise<Neighbours> {
  const [mail, directory, port] = await Promise.all([
    startSmtp({ tls: 'none' }),
    openldap.startOpenLdap({ ldif: openldap.personLdif('grace', { mail: GRACE }) }),
    freePort(),
  ])
  const issuer = `http://127.0.0.1:${port}`
  const source = await startOpenIdSource(issuer)
  const lines = {
    smtp: await startFaultProxy(mail.port),
    ldap: await startFaultProxy(Number(new URL(directory.ldaps).port)),
    openid: await startFaultProxy(source.port, { port }),
  }
  const ldap = openLdapExample({ ...directory, ldaps: `ldaps://localhost:${lines.ldap.port}` })
  const stand = await startStand({
    env: {
      ...mail.env(),
      AUTHCORE_SMTP_URL: `smtp://127.0.0.1:${lines.smtp.port}`,
      AUTHCORE_OUTBOUND_ALLOW: `127.0.0.1:${port}`,
    },
    prepare: (parts) => connect(parts, ldap, { issuer, client_id: source.clientId }),
  })
  return {
    stand,
    lines,
    mail,
    visitors: { smtp: forget, ldap: comeFromTheDirectory, openid: comeFromTheProvider },
    async stop() {
      await stand.stop()
      for (const each of [...Object.values(lines), mail, directory, source]) await each.stop()
    },
  }
}

async function connect(
  parts: Parts,
  { settings, ...directory }: ReturnType<typeof openLdapExample>,
  openid: Record<string, unknown>,
): Promise<void> {
  const deps = { ...parts, kinds: KINDS }
  const { bind_password: _file, required_groups: _groups, ...kept } = settings
  await createConnection(deps, {
    content: { ...directory, domains: ['corp.test'], fallback: false, settings: kept },
    secrets: { bind_password: openldap.READER.password },
  })
  await createConnection(deps, {
    content: { name: 'acme', kind: 'oidc', title: 'Acme', settings: openid },
    secrets: { client_secret: 'unused' },
  })
}

/** Somebody who has forgotten a password, and is told the same whether a mail can go out or not. */
const forget: Visitor = (caller) =>
  visit(caller, async (page, alice, options) => {
    const url = page.url.replace(/\/login$/, '/forgot_password')
    return await alice.submit(await alice.get(url, options), { login: NOT_TOLD }, options)
  })

const comeFromTheDirectory: Visitor = (caller) =>
  visit(caller, (page, alice, options) =>
    alice.submit(page, { login: GRACE, password: PASSWORD }, options),
  )

const comeFromTheProvider: Visitor = (caller) =>
  visit(
    caller,
    async (page, alice, options) => {
      if (page.status !== 303 || !page.location) return page
      const { searchParams } = new URL(page.location)
      const answer = new URLSearchParams({
        code: searchParams.get('nonce') ?? '',
        state: searchParams.get('state') ?? '',
      })
      return await alice.get(`${caller.stand.issuer}/federation/acme/callback?${answer}`, options)
    },
    { connection: 'acme' },
  )

type Options = { timeoutMs: number }

async function visit(
  visitor: Parameters<Visitor>[0],
  go: (page: Reply, alice: Browser, options: Options) => Promise<Reply>,
  parameters: Record<string, string> = {},
): Promise<void> {
  // Each from an address of its own: what is limited per address is not what is tried here.
  const caller = { ...visitor, ip: `10.3.${randomInt(256)}.${randomInt(1, 255)}` }
  const { issuer, clients } = caller.stand
  const options = { timeoutMs: PATIENCE_MS }
  const alice = browserOf(caller)
  const query = new URLSearchParams({
    client_id: clients.app.clientId,
    response_type: 'code',
    redirect_uri: CALLBACK,
    scope: 'openid',
    code_challenge: pkce().challenge,
    code_challenge_method: 'S256',
    ...parameters,
  })
  const away = (location: string) => !location.startsWith(issuer)
  const way = randomUUID()
  const shows = [caller.history.label('sign_in', way, way)]
  await written(caller, { op: 'visit', shows }, () =>
    hearPage(async () => {
      const first = await alice.get(`${issuer}/authorize?${query}`, options)
      const page = await alice.followAll(first, away)
      return page.status >= 400 ? page : await alice.followAll(await go(page, alice, options), away)
    }),
  )
}
