import { expect } from 'chai'
import * as oidc from 'openid-client'
import {
  type AuthCore,
  addClient,
  addPerson,
  type Person,
  startAuthCore,
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

  it('refuses a code that was used', async () => {
    const party = await relyingParty(server, await addClient(server))
    const { callback, checks } = await authorize(server, party, ada)
    await oidc.authorizationCodeGrant(party.configuration, callback, checks)
    const again = oidc.authorizationCodeGrant(party.configuration, callback, checks)
    expect((await again.catch((error) => error)).error).to.equal('invalid_grant')
  })
})
