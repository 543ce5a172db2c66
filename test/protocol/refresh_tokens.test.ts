import { expect } from 'chai'
import {
  type AuthCore,
  addClient,
  addPerson,
  type Person,
  startAuthCore,
} from '../support/authcore.ts'
import type { Browser } from '../support/http.ts'
import { authorize, type RelyingParty, relyingParty } from '../support/relying_party.ts'
import {
  eventsOf,
  exchangeFields,
  expectError,
  expectTokens,
  introspect,
  post,
  refresh,
  rows,
  type TestClient,
  type Tokens,
  userinfo,
} from './driver.ts'

const WINDOW_S = 15

describe('Refresh tokens (RFC 6749 §6, RFC 9700 §4.14)', function () {
  this.timeout(30_000)
  let server: AuthCore
  let ada: Person
  let alice: Browser
  const clients = {} as Record<'confidential' | 'open', TestClient>
  const parties = {} as Record<'confidential' | 'open', RelyingParty>

  before(async () => {
    server = await startAuthCore({ env: { AUTHCORE_REFRESH_RETRY_WINDOW: `${WINDOW_S}s` } })
    ada = await addPerson(server)
    clients.confidential = await addClient(server)
    clients.open = await addClient(server, { preset: 'spa' })
    for (const kind of ['confidential', 'open'] as const) {
      parties[kind] = await relyingParty(server, clients[kind])
    }
    alice = (await authorize(server, parties.open, ada)).alice
  })
  after(() => server?.stop())

  type Kind = 'confidential' | 'open'
  const begin = async (kind: Kind, on = server) => {
    const parameters = { scope: 'openid offline_access', prompt: 'consent' }
    const party = on === server ? parties[kind] : await relyingParty(on, clients[kind])
    const signedIn = await authorize(on, party, ada, { alice, parameters })
    return expectTokens(await post(on, '/token', clients[kind], exchangeFields(signedIn)))
  }
  const renew = (kind: Kind, { refresh_token }: Tokens) =>
    refresh(server, clients[kind], refresh_token!)
  /** Moves the moment at which this token was used into the past. */
  const usedAgo = ({ refresh_token }: Tokens, seconds: number) =>
    rows(
      server.parts.db,
      `UPDATE oidc_record SET consumed_at = consumed_at - make_interval(secs => $2)
        WHERE model = 'RefreshToken' AND id_hash = $1 AND consumed_at IS NOT NULL`,
      [server.parts.codec.idHash(refresh_token!), seconds],
    )

  async function expectAlive(kind: Kind, tokens: Tokens): Promise<Tokens> {
    expect((await userinfo(server, tokens.access_token)).status).to.equal(200)
    return expectTokens(await renew(kind, tokens))
  }

  async function expectRevoked(kind: Kind, ...all: Tokens[]): Promise<void> {
    for (const tokens of all) {
      expect((await userinfo(server, tokens.access_token)).status).to.equal(401)
      expectError(await renew(kind, tokens), 400, 'invalid_grant')
    }
  }

  for (const kind of ['confidential', 'open'] as const) {
    describe(`of a client that is ${kind}`, () => {
      it('rotate with every use, and the chain goes on', async () => {
        let tokens = await begin(kind)
        const seen = new Set([tokens.refresh_token])
        for (let use = 0; use < 3; use++) {
          tokens = expectTokens(await renew(kind, tokens))
          expect(seen).not.to.include(tokens.refresh_token)
          seen.add(tokens.refresh_token)
          expect((await userinfo(server, tokens.access_token)).json()).to.include({ sub: ada.id })
        }
      })

      it('come with an ID token of the same person, and the time of the sign-in', async () => {
        const parameters = { scope: 'openid offline_access', prompt: 'consent', max_age: '3600' }
        const signedIn = await authorize(server, parties[kind], ada, { alice, parameters })
        const fields = exchangeFields(signedIn)
        const first = expectTokens(await post(server, '/token', clients[kind], fields))
        const claims = (token = '') =>
          JSON.parse(Buffer.from(token.split('.')[1]!, 'base64url').toString()) as {
            sub: string
            auth_time: number
          }
        const next = expectTokens(await renew(kind, first))
        expect(claims(next.id_token).sub).to.equal(ada.id)
        expect(claims(next.id_token).auth_time).to.equal(claims(first.id_token).auth_time)
      })

      it('revoke the whole grant when they come back after the window', async () => {
        const first = await begin(kind)
        const second = expectTokens(await renew(kind, first))
        await usedAgo(first, WINDOW_S + 5)
        expectError(await renew(kind, first), 400, 'invalid_grant')
        await expectRevoked(kind, second)
        const event = (await eventsOf(server, 'auth.token.reuse_detected')).at(-1)
        expect(event).to.deep.include({ subject: ada.id })
        expect(event?.data).to.include({
          clientId: clients[kind].clientId,
          kind: 'RefreshToken',
        })
      })

      it('revoke it also when an ancestor of long ago comes back', async () => {
        const first = await begin(kind)
        const second = expectTokens(await renew(kind, first))
        const third = expectTokens(await renew(kind, second))
        await usedAgo(first, 3_600)
        expectError(await renew(kind, first), 400, 'invalid_grant')
        await expectRevoked(kind, third)
      })
    })
  }

  describe('an honest retry of a confidential client', () => {
    it('is given the same successor within the window, however often', async () => {
      const first = await begin('confidential')
      const second = expectTokens(await renew('confidential', first))
      for (let retry = 0; retry < 3; retry++) {
        const again = expectTokens(await renew('confidential', first))
        expect(again.refresh_token).to.equal(second.refresh_token)
        expect((await userinfo(server, again.access_token)).status).to.equal(200)
      }
      await expectAlive('confidential', second)
    })

    it('does not prolong the window', async () => {
      const first = await begin('confidential')
      const second = expectTokens(await renew('confidential', first))
      await usedAgo(first, WINDOW_S - 3)
      expectTokens(await renew('confidential', first))
      await usedAgo(first, 4)
      expectError(await renew('confidential', first), 400, 'invalid_grant')
      await expectRevoked('confidential', second)
    })

    it('is theft once the successor was used, within the window too', async () => {
      const first = await begin('confidential')
      const second = expectTokens(await renew('confidential', first))
      const third = expectTokens(await renew('confidential', second))
      expectError(await renew('confidential', first), 400, 'invalid_grant')
      await expectRevoked('confidential', third)
    })

    it('is nobody else’s: another client that presents the token gets nothing and revokes nothing', async () => {
      const first = await begin('confidential')
      const second = expectTokens(await renew('confidential', first))
      const thief = await addClient(server)
      expectError(await refresh(server, thief, first.refresh_token!), 400, 'invalid_grant')
      await expectAlive('confidential', second)
    })

    it('may ask for less, and the successor still carries everything', async () => {
      const parameters = { scope: 'openid email offline_access', prompt: 'consent' }
      const signedIn = await authorize(server, parties.confidential, ada, { alice, parameters })
      const first = expectTokens(
        await post(server, '/token', clients.confidential, exchangeFields(signedIn)),
      )
      expectTokens(await renew('confidential', first))
      const narrow = expectTokens(
        await post(server, '/token', clients.confidential, {
          grant_type: 'refresh_token',
          refresh_token: first.refresh_token!,
          scope: 'openid',
        }),
      )
      expect(narrow.scope).to.equal('openid')
      const wide = expectTokens(await renew('confidential', narrow))
      expect(wide.scope?.split(' ')).to.have.members(['openid', 'email', 'offline_access'])
    })

    it('finds nothing when the grant was revoked in between', async () => {
      const first = await begin('confidential')
      const second = expectTokens(await renew('confidential', first))
      await post(server, '/revoke', clients.confidential, { token: second.refresh_token! })
      expectError(await renew('confidential', first), 400, 'invalid_grant')
    })
  })

  it('a retry of a public client is refused within the window, and nothing is revoked', async () => {
    const first = await begin('open')
    const second = expectTokens(await renew('open', first))
    for (let retry = 0; retry < 3; retry++) {
      expectError(await renew('open', first), 400, 'invalid_grant')
    }
    await expectAlive('open', second)
  })

  it('there is no grace where the window is 0', async () => {
    const strict = await startAuthCore({ env: { AUTHCORE_REFRESH_RETRY_WINDOW: '0' } })
    try {
      const person = await addPerson(strict)
      for (const preset of ['web', 'spa'] as const) {
        const client = await addClient(strict, { preset })
        const party = await relyingParty(strict, client)
        const parameters = { scope: 'openid offline_access', prompt: 'consent' }
        const signedIn = await authorize(strict, party, person, { parameters })
        const first = expectTokens(await post(strict, '/token', client, exchangeFields(signedIn)))
        const second = expectTokens(await refresh(strict, client, first.refresh_token!))
        expectError(await refresh(strict, client, first.refresh_token!), 400, 'invalid_grant')
        expectError(await refresh(strict, client, second.refresh_token!), 400, 'invalid_grant')
        expect((await userinfo(strict, second.access_token)).status).to.equal(401)
      }
    } finally {
      await strict.stop()
    }
  })

  describe('end', () => {
    const age = ({ refresh_token }: Tokens, seconds: number) =>
      rows(
        server.parts.db,
        `UPDATE oidc_record SET payload = (payload::jsonb || jsonb_build_object(
             'exp', (payload ->> 'exp')::integer - $2::integer,
             'iat', (payload ->> 'iat')::integer - $2::integer,
             'iiat', coalesce(payload ->> 'iiat', payload ->> 'iat')::integer - $2::integer))::json
          WHERE model = 'RefreshToken' AND id_hash = $1`,
        [server.parts.codec.idHash(refresh_token!), seconds],
      )
    const day = 86_400

    it('when they were not used for two weeks', async () => {
      const tokens = await begin('confidential')
      await age(tokens, 13 * day)
      const next = expectTokens(await renew('confidential', tokens))
      await age(next, 14 * day + 60)
      expectError(await renew('confidential', next), 400, 'invalid_grant')
    })

    it('90 days after the first of the chain, however often they were used', async () => {
      let tokens = await begin('confidential')
      for (let weeks = 0; weeks < 7; weeks++) {
        await age(tokens, 12 * day)
        tokens = expectTokens(await renew('confidential', tokens))
      }
      const { exp } = (await introspect(server, clients.confidential, tokens.refresh_token!)) as {
        exp: number
      }
      const leftS = exp - Math.floor(Date.now() / 1000)
      expect(leftS / day).to.be.within(5.9, 6.1)
    })

    it('with the account', async () => {
      const { disableAccount } = await import('../../src/domain/accounts/block_account.ts')
      const eve = await addPerson(server)
      const parameters = { scope: 'openid offline_access', prompt: 'consent' }
      const signedIn = await authorize(server, parties.confidential, eve, { parameters })
      const fields = exchangeFields(signedIn)
      const tokens = expectTokens(await post(server, '/token', clients.confidential, fields))
      await disableAccount(server.parts, eve.id)
      expectError(await renew('confidential', tokens), 400, 'invalid_grant')
      expect((await userinfo(server, tokens.access_token)).status).to.equal(401)
    })
  })
})
