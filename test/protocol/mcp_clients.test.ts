import { expect } from 'chai'
import { decodeJwt } from 'jose'
import {
  API,
  type AuthCore,
  addApi,
  addClient,
  addPerson,
  startAuthCore,
} from '../support/authcore.ts'
import { browser } from '../support/http.ts'
import { authorize, relyingParty } from '../support/relying_party.ts'
import {
  answerAt,
  authorizationUri,
  exchangeFields,
  expectError,
  expectTokens,
  post,
  refreshFields,
  type TestClient,
} from './driver.ts'

const LOOPBACK = 'http://127.0.0.1:3118/callback'

describe('Clients of the preset mcp (Model Context Protocol, RFC 8707)', function () {
  this.timeout(30_000)
  let server: AuthCore
  let client: TestClient

  before(async () => {
    server = await startAuthCore()
    await addApi(server)
    client = await addClient(server, { preset: 'mcp', metadata: { redirect_uris: [LOOPBACK] } })
  })
  after(() => server?.stop())

  for (const [title, resource] of [
    ['none', undefined],
    ['an empty one', ''],
    ['one that nobody registered', 'https://other.example.test'],
    ['one that is no address', 'api'],
  ] as const) {
    it(`names the server its token is for, and not ${title}`, async () => {
      const uri = await authorizationUri(server, client, {
        redirect_uri: LOOPBACK,
        scope: 'read',
        resource,
      })
      const answer = answerAt(await browser().get(uri), LOOPBACK)
      expect(answer.get('error')).to.equal('invalid_target')
      expect(answer.get('code')).to.equal(null)
      expect(answer.get('state')).to.equal('state of the client')
    })
  }

  it('names it in a pushed request too', async () => {
    const uri = new URL(
      await authorizationUri(server, client, { redirect_uri: LOOPBACK, scope: 'openid read' }),
    )
    const fields = Object.fromEntries(uri.searchParams)
    expectError(await post(server, '/par', client, fields), 400, 'invalid_target')
    const named = await post(server, '/par', client, { ...fields, resource: API })
    expect(named.status, named.body).to.equal(201)
  })

  it('gets tokens for that server alone, from whichever loopback port', async () => {
    const redirectUri = 'http://127.0.0.1:49152/callback'
    const party = { ...(await relyingParty(server, client)), redirectUri }
    const signedIn = await authorize(server, party, await addPerson(server), {
      parameters: { scope: 'openid offline_access read', resource: API, prompt: 'consent' },
    })
    const fields = { ...exchangeFields(signedIn), resource: API }
    const tokens = expectTokens(await post(server, '/token', client, fields))
    expect(decodeJwt(tokens.access_token)).to.include({ aud: API, scope: 'read' })
    const again = { ...refreshFields(tokens.refresh_token!), resource: API }
    const refreshed = expectTokens(await post(server, '/token', client, again))
    expect(decodeJwt(refreshed.access_token)).to.include({ aud: API })
  })

  it('is the only preset that has to', async () => {
    const spa = await addClient(server, { preset: 'spa' })
    const reply = await browser().get(await authorizationUri(server, spa))
    expect(reply.location).to.include('/interaction/')
  })
})
