import { expect } from 'chai'
import type { Cluster, Redis } from 'ioredis'
import * as oidc from 'openid-client'
import { query } from '../../src/platform/persistence/db.ts'
import { enterUserCode, expectTokens, post, redeemDevice, startDevice } from '../protocol/driver.ts'
import { type AuthCore, addClient, addPerson, type Person } from '../support/authcore.ts'
import { browser } from '../support/http.ts'
import {
  authorizationRequest,
  goThrough,
  type RelyingParty,
  relyingParty,
} from '../support/relying_party.ts'

/** Whoever reads the database, or Redis, or a backup of them, holds nothing that opens a door. */
export function describeSecretsAtRest(running: () => AuthCore): void {
  describe('secrets at rest', () => {
    let server: AuthCore
    let person: Person
    let party: RelyingParty
    let client: Awaited<ReturnType<typeof addClient>>

    before(async () => {
      server = running()
      person = await addPerson(server)
      client = await addClient(server)
      party = await relyingParty(server, client)
    })

    it('holds no code, token, cookie, state or nonce of a sign-in, while it runs and after', async () => {
      const alice = browser()
      const { url, checks } = await authorizationRequest(party, {
        scope: 'openid offline_access',
        prompt: 'consent',
      })
      const first = await alice.followAll(await alice.get(url.href))
      const secrets = new Map<string, string>([
        ['state', String(checks.expectedState)],
        ['nonce', String(checks.expectedNonce)],
        ['interaction', first.url.split('/').at(-2)!],
        ['form token', first.forms()[0]!.fields.get('csrf')!],
      ])
      await expectNowhere(server, secrets)

      const callback = await goThrough(alice, first, person, server.issuer)
      secrets.set('code', callback.searchParams.get('code')!)
      secrets.set('session', await cookieOf(alice, server, 'authcore_session'))
      await expectNowhere(server, secrets)

      const tokens = await oidc.authorizationCodeGrant(party.configuration, callback, checks)
      const later = await oidc.refreshTokenGrant(party.configuration, tokens.refresh_token!)
      for (const [index, each] of [tokens, later].entries()) {
        secrets.set(`access token ${index}`, each.access_token)
        secrets.set(`refresh token ${index}`, each.refresh_token!)
      }
      secrets.set('client secret', client.secret!)
      secrets.set('password', person.password)
      await expectNowhere(server, secrets)
    })

    it('holds no device code and no user code, at any step', async () => {
      const device = await addClient(server, { preset: 'device' })
      const { device_code, user_code } = await startDevice(server, device)
      const secrets = new Map([
        ['device code', device_code],
        ['user code', user_code],
        ['user code without dash', user_code.replace('-', '')],
      ])
      await expectNowhere(server, secrets)
      const alice = browser()
      const confirm = await enterUserCode(server, alice, user_code)
      const page = await alice.submit(confirm, {}, { button: 'confirm' })
      const login = await alice.followAll(page)
      await expectNowhere(server, secrets)
      const answer = await alice.submit(login, { login: person.email, password: person.password })
      const consent = await alice.followAll(answer)
      await expectNowhere(server, secrets)
      const done = await alice.followAll(await alice.submit(consent, {}, { button: 'Allow' }))
      expect(done.body).to.include('id="device-outcome"')
      await expectNowhere(server, secrets)
      const tokens = expectTokens(await redeemDevice(server, device, device_code))
      secrets.set('access token', tokens.access_token)
      await expectNowhere(server, secrets)
    })

    it('lets everything in Redis end by itself', async () => {
      const before = new Set((await keysInRedis(server)).map(({ key }) => key))
      const alice = browser()
      const { url, checks } = await authorizationRequest(party)
      const open = await alice.followAll(await alice.get(url.href))
      const other = await authorizationRequest(party)
      await alice.get(other.url.href)
      const callback = await goThrough(alice, open, person, server.issuer)
      await oidc.authorizationCodeGrant(party.configuration, callback, checks)
      const added = (await keysInRedis(server)).filter(({ key }) => !before.has(key))
      if (server.parts.redis) expect(added.length).to.be.above(1)
      for (const { key, ttlS } of added) expect(ttlS, key).to.be.within(1, 31 * 86_400)
    })

    it('holds no request_uri, state or nonce of a pushed request', async () => {
      const { url } = await authorizationRequest(party, { state: 'pushed-state-of-somebody' })
      const fields = Object.fromEntries(url.searchParams)
      const reply = await post(server, '/par', client, fields)
      expect(reply.status, reply.body).to.equal(201)
      const { request_uri } = reply.json<{ request_uri: string }>()
      const secrets = new Map([
        ['request_uri', request_uri.split(':').at(-1)!],
        ['state', 'pushed-state-of-somebody'],
        ['nonce', fields['nonce']!],
      ])
      await expectNowhere(server, secrets)
      const alice = browser()
      const pushed = `${server.issuer}/authorize?${new URLSearchParams({ client_id: client.clientId, request_uri })}`
      await alice.followAll(await alice.get(pushed))
      await expectNowhere(server, secrets)
    })
  })
}

async function cookieOf(
  { jar }: ReturnType<typeof browser>,
  { issuer }: AuthCore,
  name: string,
): Promise<string> {
  const cookie = (await jar.getCookies(issuer)).find(({ key }) => key === name)
  return cookie!.value
}

async function expectNowhere(server: AuthCore, secrets: ReadonlyMap<string, string>) {
  await server.parts.recorder.flush()
  const stored = [await dumpDatabase(server), await dumpRedis(server)].join('\n')
  for (const [name, secret] of secrets) {
    expect(secret, name).to.have.length.above(4)
    for (const form of [secret, Buffer.from(secret).toString('hex')]) {
      const at = stored.indexOf(form)
      const where = stored.slice(Math.max(0, at - 300), at + 100)
      expect(at, `the ${name} is stored in clear: …${where}`).to.equal(-1)
    }
  }
}

/** Every row of every table of ours as text; bytes are in hexadecimal. */
async function dumpDatabase({ parts }: AuthCore): Promise<string> {
  const tables = await query<{ name: string }>(
    parts.db,
    `SELECT format('%I.%I', schemaname, tablename) AS name FROM pg_tables
      WHERE schemaname NOT IN ('pg_catalog', 'information_schema')`,
  )
  const contents = await Promise.all(
    tables.map(({ name }) =>
      parts.db.raw(`SELECT ? || ': ' || t::text AS line FROM ${name} AS t`, [name]),
    ),
  )
  return contents
    .flatMap(({ rows }: { rows: { line: string }[] }) => rows.map(({ line }) => line))
    .join('\n')
}

async function dumpRedis(server: AuthCore): Promise<string> {
  const keys = await keysInRedis(server)
  return keys.map(({ key, value }) => `${key} ${value}`).join('\n')
}

async function keysInRedis({ parts: { redis } }: AuthCore) {
  if (!redis) return []
  const nodes = 'nodes' in redis ? (redis as Cluster).nodes('master') : [redis as Redis]
  const found = await Promise.all(
    nodes.map(async (node) => {
      const keys = await node.keys('*')
      return await Promise.all(
        keys.map(async (key) => ({
          key,
          value: (await node.dumpBuffer(key))?.toString('latin1'),
          ttlS: await node.ttl(key),
        })),
      )
    }),
  )
  return found.flat()
}
