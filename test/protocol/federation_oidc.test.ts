import type { webcrypto } from 'node:crypto'
import { expect } from 'chai'
import { generateKeyPair, type JSONWebKeySet, type JWTPayload, SignJWT } from 'jose'
import { listIdentitiesOfAccount } from '../../src/domain/federation/identity_store.ts'
import { KINDS } from '../../src/domain/federation/kinds.ts'
import {
  createConnection,
  deleteConnection,
  setConnectionStatus,
} from '../../src/domain/federation/manage_connections.ts'
import { query } from '../../src/platform/persistence/db.ts'
import {
  type AuthCore,
  addClient,
  addPerson,
  type Person,
  startAuthCore,
} from '../support/authcore.ts'
import { freePort } from '../support/free_port.ts'
import { type Browser, browser, type Reply } from '../support/http.ts'
import { type LogoutReceiver, startLogoutReceiver } from '../support/logout_receiver.ts'
import {
  authorizationRequest,
  goThrough,
  type RelyingParty,
  relyingParty,
} from '../support/relying_party.ts'
import { eventsOf, post, type TestClient } from './driver.ts'

/** OpenID Connect where it meets the browser: another AuthCore is the provider, and our routes. */

describe('A source by OpenID Connect', function () {
  this.timeout(60_000)
  let upstream: AuthCore
  let server: AuthCore
  let receiver: LogoutReceiver
  let there: { clientId: string; secret?: string | undefined }
  let client: TestClient
  let party: RelyingParty
  before(async () => {
    const port = await freePort()
    receiver = await startLogoutReceiver()
    upstream = await startAuthCore({
      worker: true,
      env: {
        PORT: String(port),
        ISSUER: `http://127.0.0.1:${port}`,
        // Its own host is never called, but by name.
        AUTHCORE_OUTBOUND_ALLOW: receiver.address.replace('127.0.0.1', 'localhost'),
      },
    })
    server = await startAuthCore({
      env: {
        AUTHCORE_OUTBOUND_ALLOW: `127.0.0.1:${port}`,
        AUTHCORE_SIGN_IN_PAGE: 'identifier_first',
      },
    })
    there = await addClient(upstream, {
      metadata: {
        redirect_uris: ['acme', 'other', 'fleeting', 'former'].map((name) => callback(name)),
        backchannel_logout_uri: receiver.uri.replace('127.0.0.1', 'localhost'),
        backchannel_logout_session_required: true,
      },
    })
    client = await addClient(server)
    party = await relyingParty(server, client)
    await connect('acme', { domains: ['acme.example', 'xn--bcher-kva.example'] })
    await connect('other')
  })
  after(async () => {
    await server?.stop()
    await upstream?.stop()
    receiver?.stop()
  })

  const callback = (name: string) => `${server.issuer}/federation/${name}/callback`
  async function connect(name: string, more: Record<string, unknown> = {}): Promise<void> {
    const settings = { issuer: upstream.issuer, client_id: there.clientId, userinfo: true }
    const content = { name, kind: 'oidc', title: `The ${name}`, settings, ...more }
    await createConnection(
      { ...server.parts, kinds: KINDS },
      { content, secrets: { client_secret: there.secret! } },
    )
    await waitFor(async () => (await server.parts.connections.find(name)) !== undefined)
  }

  const ours = (location: string) => !location.startsWith(server.issuer)
  const NOBODY = { id: '', email: '', password: '' }

  /** As far as the answer of the provider, which is not brought back yet. */
  async function leave(mind: Browser, name: string, person: Person): Promise<URL> {
    const { url } = await authorizationRequest(party, { connection: name })
    const away = await mind.followAll(await mind.get(url.href), ours)
    return await goThrough(mind, await mind.get(away.location!), person, upstream.issuer)
  }
  const bring = async (mind: Browser, answer: URL | string): Promise<Reply> =>
    await mind.followAll(await mind.get(String(answer)), ours)
  async function signedIn(name: string, person: Person): Promise<Browser> {
    const mind = browser()
    const page = await bring(mind, await leave(mind, name, person))
    const create = page.forms().some(({ action }) => action.endsWith('/create'))
    const next = create
      ? await mind.submit(page, {}, { form: ({ action }) => action.endsWith('/create') })
      : page
    await goThrough(mind, next, NOBODY, server.issuer)
    return mind
  }
  const isSignedIn = async (mind: Browser) => {
    const { url } = await authorizationRequest(party, { prompt: 'none' })
    const reply = await mind.followAll(await mind.get(url.href), ours)
    return !reply.location!.includes('error=')
  }
  const identitiesOfSubject = async (subject: string) =>
    await query(server.parts.db, 'SELECT id FROM identity WHERE subject = $1', [subject])

  describe('with an answer', () => {
    it('is lost without its state, with another one, in another browser and a second time', async () => {
      const grace = await addPerson(upstream)
      const mind = browser()
      const answer = await leave(mind, 'acme', grace)
      const without = new URL(answer)
      without.searchParams.delete('state')
      const foreign = new URL(answer)
      foreign.searchParams.set('state', 'A'.repeat(43))
      for (const wrong of [without, foreign]) {
        expect((await bring(mind, wrong)).status).to.equal(400)
      }
      const mixedUp = String(answer).replace('/acme/', '/other/')
      expect((await bring(mind, mixedUp)).status, 'another connection').to.equal(400)
      const stranger = browser()
      expect((await bring(stranger, answer)).status, 'another browser').to.equal(400)
      expect(await isSignedIn(stranger)).to.equal(false)
      expect((await bring(mind, answer)).status, 'brought before').to.equal(400)
      expect(await identitiesOfSubject(grace.id)).to.be.empty
    })

    it('joins nobody to the account of somebody who is sent with it', async () => {
      const mallory = await addPerson(upstream)
      const victim = await addPerson(server)
      const answer = await leave(browser(), 'acme', mallory)
      const mind = browser()
      const { url } = await authorizationRequest(party)
      await goThrough(mind, await signInHere(mind, url, victim), NOBODY, server.issuer)
      // While a sign-in of the victim's own is under way at the same source, and after it.
      const again = await authorizationRequest(party, { connection: 'acme', prompt: 'login' })
      await mind.followAll(await mind.get(again.url.href), ours)
      expect((await bring(mind, answer)).status).to.equal(400)
      expect(await listIdentitiesOfAccount(server.parts.db, victim.id)).to.be.empty
      expect(await identitiesOfSubject(mallory.id)).to.be.empty
      expect(await isSignedIn(mind), 'as before').to.equal(true)
    })

    async function signInHere(mind: Browser, url: URL, { email, password }: Person) {
      const name = await mind.followAll(await mind.get(url.href), ours)
      const word = await mind.followAll(await mind.submit(name, { login: email }), ours)
      return await mind.followAll(await mind.submit(word, { password }), ours)
    }

    for (const [what, end] of [
      [
        'disabled',
        async () => {
          await setConnectionStatus(server.parts, { name: 'fleeting', status: 'disabled' })
        },
      ],
      [
        'deleted',
        async () => {
          await deleteConnection(server.parts, { name: 'former' })
        },
      ],
    ] as const) {
      it(`is worth nothing where the connection was ${what} meanwhile`, async () => {
        const name = what === 'disabled' ? 'fleeting' : 'former'
        await connect(name)
        const grace = await addPerson(upstream)
        const mind = browser()
        const answer = await leave(mind, name, grace)
        const late = browser()
        const held = await late.get(String(await leave(late, name, grace)))
        await end()
        await waitFor(async () => (await server.parts.connections.find(name)) === undefined)
        expect((await bring(mind, answer)).status).to.equal(400)
        const page = await late.followAll(await late.get(held.location!), ours)
        if (what === 'disabled') expect(page.status, 'answered before').to.equal(503)
        else expect(page.url, 'answered before').to.match(/\/login$/)
        for (const each of [mind, late]) expect(await isSignedIn(each)).to.equal(false)
        expect(await identitiesOfSubject(grace.id)).to.be.empty
      })
    }
  })

  describe('that people are sent to by their domain', () => {
    const routed = async (login: string) => {
      const mind = browser()
      const { url } = await authorizationRequest(party)
      const page = await mind.followAll(await mind.get(url.href), ours)
      const next = await mind.followAll(await mind.submit(page, { login }), ours)
      return next.location?.startsWith(`${upstream.issuer}/authorize`) ?? false
    }

    for (const login of ['grace@acme.example', 'Grace@ACME.Example', 'grace@bücher.example']) {
      it(`takes ${login}`, async () => {
        expect(await routed(login)).to.equal(true)
      })
    }

    for (const login of [
      'grace@sub.acme.example',
      'grace@evil-acme.example',
      'grace@acme.example.evil.example',
      'grace@acme.example@evil.example',
      'grace@аcme.example', // a Cyrillic letter
      'acme.example',
    ]) {
      it(`does not take ${login}`, async () => {
        expect(await routed(login)).to.equal(false)
      })
    }

    it('gets no account of its domain by telling an address, whoever had it first', async () => {
      const owner = await addPerson(server, { email: 'owner@acme.example' })
      const impostor = await addPerson(upstream, { email: owner.email })
      const mind = browser()
      const page = await bring(mind, await leave(mind, 'acme', impostor))
      expect(page.url).to.match(/\/link_account$/)
      expect(await isSignedIn(mind)).to.equal(false)
      expect(await listIdentitiesOfAccount(server.parts.db, owner.id)).to.be.empty
    })

    it('gets no address of another domain by telling it', async () => {
      const grace = await addPerson(upstream, { email: 'president@other.example' })
      const mind = await signedIn('acme', grace)
      expect(await isSignedIn(mind)).to.equal(true)
      const rows = await query<{ email: string | null }>(
        server.parts.db,
        `SELECT a.email FROM account a JOIN identity i ON i.account_id = a.id WHERE i.subject = $1`,
        [grace.id],
      )
      expect(rows).to.deep.equal([{ email: null }])
    })
  })

  describe('that ends sessions', () => {
    const send = async (token: string, name = 'acme') =>
      await post(server, `/federation/${name}/backchannel_logout`, client, { logout_token: token })

    it('is believed once, and only at its own connection', async () => {
      const grace = await addPerson(upstream)
      const mind = browser()
      const page = await bring(mind, await leave(mind, 'acme', grace))
      const next = await mind.submit(page, {}, { form: ({ action }) => action.endsWith('/create') })
      await goThrough(mind, next, NOBODY, server.issuer)
      const elsewhere = await signedIn('acme', grace)
      const form = await mind.get(`${upstream.issuer}/logout`)
      await mind.submit(form, { logout: 'yes' })
      const token = await receiver.next()
      expect((await send(token, 'other')).status).to.equal(200)
      expect(await isSignedIn(mind), 'it came by another connection').to.equal(true)
      expect((await send(token)).status).to.equal(200)
      expect(await isSignedIn(mind)).to.equal(false)
      expect(await isSignedIn(elsewhere), 'another session').to.equal(true)
      expect((await send(token)).status).to.equal(400)
      const refused = await eventsOf(server, 'auth.connection.logout_refused')
      expect(refused.at(-1)!.data).to.deep.include({ reason: 'it came before' })
    })

    it('is not believed where the token is forged', async () => {
      const grace = await addPerson(upstream)
      const mind = await signedIn('acme', grace)
      const claims = { ...logoutClaims(grace), jti: 'forged' }
      const jwks = await browser().get(`${upstream.issuer}/jwks`)
      const { keys } = jwks.json<JSONWebKeySet>()
      const { privateKey } = await generateKeyPair('ES256')
      const { kid } = keys.find(({ kty }) => kty === 'EC')!
      const secret = new TextEncoder().encode(there.secret)
      const forged = [
        await signed(claims, 'ES256', privateKey, kid),
        await signed(claims, 'ES256', privateKey, 'unknown'),
        await signed(claims, 'HS256', secret, kid),
        `${part({ alg: 'none', typ: 'logout+jwt' })}.${part(claims)}.`,
        'no token at all',
      ]
      for (const token of forged) {
        const reply = await send(token)
        expect(reply.status, token.slice(0, 60)).to.equal(400)
        expect(reply.json()).to.deep.equal({ error: 'invalid_request' })
      }
      expect(await isSignedIn(mind)).to.equal(true)
    })

    function logoutClaims({ id: sub }: Person): JWTPayload {
      const iat = Math.floor(Date.now() / 1000)
      const events = { 'http://schemas.openid.net/event/backchannel-logout': {} }
      return { iss: upstream.issuer, aud: there.clientId, sub, iat, exp: iat + 120, events }
    }
    const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
    const signed = (
      claims: JWTPayload,
      alg: string,
      key: webcrypto.CryptoKey | Uint8Array,
      kid = '',
    ) => new SignJWT(claims).setProtectedHeader({ alg, kid, typ: 'logout+jwt' }).sign(key)
  })
})

async function waitFor(done: () => Promise<boolean>): Promise<void> {
  for (let i = 0; i < 100; i++) {
    if (await done()) return
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  throw new Error('it did not come to that')
}
