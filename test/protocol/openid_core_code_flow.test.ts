import { expect } from 'chai'
import * as oidc from 'openid-client'
import {
  type AuthCore,
  addClient,
  addPerson,
  type Person,
  startAuthCore,
  statementsOf,
} from '../support/authcore.ts'
import { authorizationRequest, authorize, relyingParty, signIn } from '../support/relying_party.ts'

describe('Authorization code flow (OpenID Connect Core §3.1)', function () {
  this.timeout(30_000)
  let server: AuthCore
  let ada: Person
  before(async () => {
    server = await startAuthCore()
    ada = await addPerson(server)
  })
  after(() => server?.stop())

  it('signs a person in through its pages and gives verified tokens', async () => {
    const party = await relyingParty(server, await addClient(server))
    const { tokens } = await signIn(server, party, ada, {
      parameters: { acr_values: 'urn:authcore:acr:pwd' },
    })
    expect(tokens.claims()).to.include({ sub: ada.id, acr: 'urn:authcore:acr:pwd' })
    const info = await oidc.fetchUserInfo(party.configuration, tokens.access_token, ada.id)
    expect(info).to.include({ sub: ada.id, email: ada.email, name: 'Ada Example' })
  })

  it('asks for consent once and then signs in without a page', async () => {
    const party = await relyingParty(server, await addClient(server))
    const { alice } = await signIn(server, party, ada)
    const { url } = await authorizationRequest(party)
    const reply = await alice.get(url.href)
    expect(reply.status).to.equal(303)
    expect(reply.location).to.match(/^https:\/\/rp\.example\.test\/callback\?code=/)
  })

  it('costs no more statements than it should', async () => {
    const party = await relyingParty(
      server,
      await addClient(server, {
        metadata: { grant_types: ['authorization_code', 'refresh_token'] },
      }),
    )
    const offline = { scope: 'openid offline_access', prompt: 'consent' }
    const { alice } = await signIn(server, party, ada)
    const { url, checks } = await authorizationRequest(party)
    const sso = await statementsOf(() => alice.get(url.href))
    expect(sso.texts, 'SSO authorize').to.have.length.at.most(4)
    const callback = new URL(sso.result.location!)
    const exchange = await statementsOf(() =>
      oidc.authorizationCodeGrant(party.configuration, callback, checks),
    )
    expect(exchange.texts, 'code exchange').to.have.length.at.most(4)
    const userinfo = await statementsOf(() =>
      oidc.fetchUserInfo(party.configuration, exchange.result.access_token, ada.id),
    )
    expect(userinfo.texts, 'UserInfo').to.have.length.at.most(2)
    const { tokens } = await signIn(server, party, ada, { alice, parameters: offline })
    const refresh = await statementsOf(() =>
      oidc.refreshTokenGrant(party.configuration, tokens.refresh_token!),
    )
    expect(refresh.texts, 'refresh').to.have.length.at.most(4)
    const introspection = await statementsOf(() =>
      oidc.tokenIntrospection(party.configuration, refresh.result.access_token),
    )
    expect(introspection.result.active).to.equal(true)
    expect(introspection.texts, 'introspection').to.have.length.at.most(2)
  })

  it('refuses a code that was used', async () => {
    const party = await relyingParty(server, await addClient(server))
    const { callback, checks } = await authorize(server, party, ada)
    await oidc.authorizationCodeGrant(party.configuration, callback, checks)
    const again = oidc.authorizationCodeGrant(party.configuration, callback, checks)
    expect((await again.catch((error) => error)).error).to.equal('invalid_grant')
  })
})
