import { expect } from 'chai'
import { TOKEN_EXCHANGE_GRANT } from '../../src/domain/clients/client_metadata.ts'
import type { UpstreamTokens } from '../../src/domain/federation/connector.ts'
import { query } from '../../src/platform/persistence/db.ts'
import { type AuthCore, addClient, startAuthCore } from '../support/authcore.ts'
import { browser } from '../support/http.ts'
import {
  addConnection,
  type MadeUpSource,
  madeUpSource,
  personOf,
  proven,
} from '../support/made_up_source.ts'
import {
  authorizationRequest,
  goThrough,
  type RelyingParty,
  relyingParty,
} from '../support/relying_party.ts'
import {
  eventsOf,
  exchangeFields,
  expectError,
  expectTokens,
  post,
  type TestClient,
} from './driver.ts'

/** Tokens that a source gave for a person, given on to the applications that an operator names. */

const TYPE = 'urn:authcore:token-type:connection-access-token'

describe('Tokens of a connection (RFC 8693)', function () {
  this.timeout(60_000)
  let server: AuthCore
  let source: MadeUpSource
  let app: TestClient
  let party: RelyingParty
  before(async () => {
    source = madeUpSource()
    server = await startAuthCore({ kinds: source.kinds })
    app = await addClient(server, {
      metadata: {
        grant_types: ['authorization_code', TOKEN_EXCHANGE_GRANT],
        token_exchange: { connections: ['works'] },
      },
    })
    party = await relyingParty(server, app)
    await addConnection(server, source, 'works')
    await addConnection(server, source, 'other')
  })
  after(() => server?.stop())

  /** @returns our access token */
  const signIn = async (subject: string, tokens?: UpstreamTokens) => {
    const mind = browser()
    const ours = (location: string) => !location.startsWith(server.issuer)
    const { url, checks } = await authorizationRequest(party)
    const page = await mind.followAll(await mind.get(url.href), ours)
    const interaction = page.url.replace(/\/[a-z_]+$/, '')
    const away = await mind.get(`${interaction}/connections/works`)
    const state = new URL(away.location!).searchParams.get('state')!
    source.says.result = proven(personOf(subject), tokens ? { tokens } : {})
    const back = `${server.issuer}/federation/works/callback?${new URLSearchParams({ state })}`
    const consent = await mind.followAll(await mind.get(back), ours)
    const nobody = { id: '', email: '', password: '' }
    const callback = await goThrough(mind, consent, nobody, server.issuer)
    const answer = await post(server, '/token', app, exchangeFields({ callback, checks }))
    return expectTokens(answer).access_token
  }
  const exchange = async (token: string, fields: Record<string, string> = {}, client = app) =>
    await post(server, '/token', client, {
      grant_type: TOKEN_EXCHANGE_GRANT,
      subject_token: token,
      subject_token_type: 'urn:ietf:params:oauth:token-type:access_token',
      requested_token_type: TYPE,
      connection: 'works',
      ...fields,
    })
  const inS = (seconds: number) => new Date(Date.now() + seconds * 1000)

  it('gives the one that is kept, as long as it lives', async () => {
    const tokens = { accessToken: 'there-1', expiresAt: inS(3600), scope: 'calendar' }
    const reply = await exchange(await signIn('vera', tokens))
    expect(reply.status).to.equal(200)
    const body = reply.json<Record<string, unknown>>()
    expect(body).to.deep.include({
      access_token: 'there-1',
      issued_token_type: TYPE,
      token_type: 'Bearer',
      scope: 'calendar',
    })
    expect(body['expires_in']).to.be.within(3500, 3600)
    expect(reply.headers['cache-control']).to.include('no-store')
    const given = await eventsOf(server, 'auth.connection.token_issued')
    expect(given.at(-1)!.data).to.include({ connection: 'works', clientId: app.clientId })
    expect(JSON.stringify(given)).not.to.include('there-1')
  })

  it('keeps it sealed', async () => {
    await signIn('wendy', { accessToken: 'plain-to-see', expiresAt: inS(3600) })
    const [row] = await query<{ tokens_sealed: Buffer }>(
      server.parts.db,
      `SELECT tokens_sealed FROM identity WHERE subject = 'wendy'`,
    )
    expect(row!.tokens_sealed.toString('latin1')).not.to.include('plain-to-see')
  })

  it('has another one where it ends, once for all who ask at once', async () => {
    const token = await signIn('xenia', {
      accessToken: 'old',
      refreshToken: 'refresh-1',
      expiresAt: inS(30),
    })
    const asked: string[] = []
    source.tokens.refresh = async (refreshToken) => {
      asked.push(refreshToken)
      const tokens = { accessToken: 'new', refreshToken: 'refresh-2', expiresAt: inS(3600) }
      return { kind: 'refreshed', tokens }
    }
    const replies = await Promise.all(Array.from({ length: 6 }, () => exchange(token)))
    for (const reply of replies) {
      expect(reply.json<{ access_token: string }>().access_token).to.equal('new')
    }
    expect(asked).to.deep.equal(['refresh-1'])
  })

  it('has none where the source has ended it, or does not answer', async () => {
    const ending = { accessToken: 'old', refreshToken: 'r', expiresAt: inS(1) }
    const token = await signIn('yvonne', ending)
    source.tokens.refresh = async () => ({ kind: 'unavailable', reason: 'away' })
    const away = await exchange(token)
    expect(away.status).to.equal(503)
    source.tokens.refresh = async () => ({ kind: 'refused', detail: 'invalid_grant' })
    expectError(await exchange(token), 400, 'invalid_target')
    source.tokens.refresh = async () => {
      throw new Error('it was kept')
    }
    expectError(await exchange(token), 400, 'invalid_target')
    expectError(await exchange(await signIn('zoe')), 400, 'invalid_target')
  })

  it('is for the clients that an operator names, and the connections that they are named for', async () => {
    const token = await signIn('anna', { accessToken: 'there', expiresAt: inS(3600) })
    expectError(await exchange(token, { connection: 'other' }), 400, 'invalid_target')
    expectError(await exchange(token, { connection: '' }), 400, 'invalid_request')
    const plain = await addClient(server, {
      metadata: { grant_types: ['authorization_code', TOKEN_EXCHANGE_GRANT] },
    })
    expectError(await exchange(token, {}, plain), 400, 'invalid_target')
    const foreign = await addClient(server, {
      metadata: {
        grant_types: ['authorization_code', TOKEN_EXCHANGE_GRANT],
        token_exchange: { connections: ['works'] },
      },
    })
    expectError(await exchange(token, {}, foreign), 400, 'invalid_request')
    expectError(await exchange('no token of ours'), 400, 'invalid_request')
  })
})
