import { expect } from 'chai'
import { disableAccount } from '../../src/domain/accounts/block_account.ts'
import { deleteAccount } from '../../src/domain/accounts/delete_account.ts'
import { disableClient } from '../../src/domain/clients/block_client.ts'
import {
  API,
  type AuthCore,
  addApi,
  addClient,
  addPerson,
  type Person,
  startAuthCore,
} from '../support/authcore.ts'
import { browser } from '../support/http.ts'
import { authorize, relyingParty } from '../support/relying_party.ts'
import {
  exchangeFields,
  expectTokens,
  post,
  rows,
  type TestClient,
  userinfo,
  verifyWithJwks,
} from './driver.ts'

describe('UserInfo (OpenID Connect Core §5.3)', function () {
  this.timeout(30_000)
  let server: AuthCore
  let ada: Person
  let client: TestClient

  before(async () => {
    server = await startAuthCore()
    await addApi(server)
    ada = await addPerson(server, { claims: { locale: 'de' } })
    client = await addClient(server)
  })
  after(() => server?.stop())

  async function tokensOf(parameters: Record<string, string>, person = ada, of = client) {
    const party = await relyingParty(server, of)
    const fields = exchangeFields(await authorize(server, party, person, { parameters }))
    return expectTokens(await post(server, '/token', of, fields))
  }
  const infoFor = async (parameters: Record<string, string>) =>
    (await userinfo(server, (await tokensOf(parameters)).access_token)).json<object>()

  it('tells what the scopes release and nothing else', async () => {
    expect(await infoFor({ scope: 'openid' })).to.deep.equal({ sub: ada.id })
    expect(await infoFor({ scope: 'openid email' })).to.deep.equal({
      sub: ada.id,
      email: ada.email,
      email_verified: true,
    })
    const profile = await infoFor({ scope: 'openid profile' })
    expect(profile).to.include({ sub: ada.id, name: 'Ada Example', locale: 'de' })
    expect(profile).not.to.have.any.keys('email', 'phone_number')
  })

  it('tells an address and a number as they are kept, each by its scope (Core §5.1.1)', async () => {
    const address = {
      formatted: '12 St James’s Square\nLondon SW1Y 4JH',
      street_address: '12 St James’s Square',
      locality: 'London',
      region: 'Greater London',
      postal_code: 'SW1Y 4JH',
      country: 'GB',
    }
    const phone = { phone_number: '+442079460000', phone_number_verified: false }
    const grace = await addPerson(server, { claims: { address, ...phone } })
    const of = async (scope: string) =>
      (await userinfo(server, (await tokensOf({ scope }, grace)).access_token)).json<object>()
    expect(await of('openid address')).to.deep.equal({ sub: grace.id, address })
    expect(await of('openid phone')).to.deep.equal({ sub: grace.id, ...phone })
    expect(await of('openid profile')).not.to.have.any.keys('address', 'phone_number')
  })

  it('tells single claims that were asked for and allowed', async () => {
    const claims = JSON.stringify({ userinfo: { given_name: null, email: { essential: true } } })
    expect(await infoFor({ scope: 'openid', claims })).to.deep.equal({
      sub: ada.id,
      given_name: 'Ada',
      email: ada.email,
    })
  })

  it('has the subject of the ID token', async () => {
    const { access_token, id_token } = await tokensOf({ scope: 'openid' })
    const { payload } = await verifyWithJwks(server, id_token!)
    expect((await userinfo(server, access_token)).json()).to.include({ sub: payload.sub })
  })

  it('takes the token in the header or in the form, once', async () => {
    const { access_token } = await tokensOf({ scope: 'openid' })
    const uri = `${server.issuer}/userinfo`
    const posted = await browser().post(uri, { access_token })
    expect(posted.json()).to.include({ sub: ada.id })
    const authorization = `Bearer ${access_token}`
    const header = await browser().post(uri, {}, { headers: { authorization } })
    expect(header.json()).to.include({ sub: ada.id })
    const twice = await browser().post(uri, { access_token }, { headers: { authorization } })
    expect(twice.status).to.equal(400)
  })

  it('does not read the token from the query', async () => {
    const { access_token } = await tokensOf({ scope: 'openid' })
    const reply = await browser().get(`${server.issuer}/userinfo?access_token=${access_token}`)
    expect(reply.status).to.be.oneOf([400, 401])
    expect(reply.body).not.to.include(ada.id)
  })

  it('is never stored, and is JSON whatever is accepted', async () => {
    const { access_token } = await tokensOf({ scope: 'openid' })
    const reply = await userinfo(server, access_token, { headers: { accept: 'text/html' } })
    expect(reply.headers['content-type']).to.match(/^application\/json/)
    expect(reply.headers['cache-control']).to.match(/no-store/)
    const refused = await userinfo(server, 'nobody', { headers: { accept: 'text/html' } })
    expect(refused.headers['content-type']).to.match(/^application\/json/)
  })

  it('refuses what is no token, and says how to bring one', async () => {
    for (const authorization of ['Bearer nobody', 'Bearer', 'Basic eDp5', 'Bearer a b', '']) {
      const reply = await userinfo(server, '', { headers: { authorization } })
      expect(reply.status, authorization).to.be.oneOf([400, 401])
      expect(reply.headers['www-authenticate'], authorization).to.match(/Bearer|DPoP/)
    }
  })

  it('refuses a token that is for an API, or without openid', async () => {
    const party = await relyingParty(server, client)
    const parameters = { scope: 'openid read', resource: API }
    const fields = exchangeFields(await authorize(server, party, ada, { parameters }))
    const jwt = expectTokens(await post(server, '/token', client, { ...fields, resource: API }))
    expect((await userinfo(server, jwt.access_token)).status).to.equal(401)
    const idToken = await tokensOf({ scope: 'openid' })
    expect((await userinfo(server, idToken.id_token!)).status).to.equal(401)
  })

  it('signs its answer for a client that is registered for that', async () => {
    const signed = await addClient(server, { metadata: { userinfo_signed_response_alg: 'ES256' } })
    const { access_token } = await tokensOf({ scope: 'openid email' }, ada, signed)
    const reply = await userinfo(server, access_token)
    expect(reply.headers['content-type']).to.match(/^application\/jwt/)
    const { payload } = await verifyWithJwks(server, reply.body, { audience: signed.clientId })
    expect(payload).to.include({ sub: ada.id, email: ada.email })
  })

  it('tells what is true now, not at the time of the sign-in', async () => {
    const eve = await addPerson(server)
    const { access_token } = await tokensOf({ scope: 'openid email' }, eve)
    await rows(server.parts.db, `UPDATE account SET email_verified = false WHERE id = $1`, [eve.id])
    expect((await userinfo(server, access_token)).json()).to.include({ email_verified: false })
  })

  it('ends with the person', async () => {
    for (const end of [disableAccount, deleteAccount]) {
      const eve = await addPerson(server)
      const { access_token } = await tokensOf({ scope: 'openid' }, eve)
      await end(server.parts, eve.id)
      expect((await userinfo(server, access_token)).status).to.equal(401)
    }
  })

  it('ends with the client', async () => {
    const fleeting = await addClient(server)
    const { access_token } = await tokensOf({ scope: 'openid' }, ada, fleeting)
    await disableClient(server.parts, fleeting.clientId)
    await new Promise((resolve) => setTimeout(resolve, 150))
    expect((await userinfo(server, access_token)).status).to.equal(401)
  })
})
