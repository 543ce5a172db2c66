import { expect } from 'chai'
import { disableClient } from '../../src/domain/clients/block_client.ts'
import { type AuthCore, addClient, startAuthCore } from '../support/authcore.ts'
import { browser } from '../support/http.ts'

const LOGIN = 'https://rp.example.test/login?tenant=1'

describe('Third-party initiated login (OpenID Connect Core §4)', function () {
  this.timeout(30_000)
  let server: AuthCore
  before(async () => {
    server = await startAuthCore()
  })
  after(() => server?.stop())

  const launch = (clientId: string, query = '') =>
    browser().get(`${server.issuer}/launch/${encodeURIComponent(clientId)}${query}`)

  it('leads to the address that the application registered, and says who we are', async () => {
    const { clientId } = await addClient(server, { metadata: { initiate_login_uri: LOGIN } })
    const reply = await launch(clientId)
    expect(reply.status).to.equal(303)
    const target = new URL(reply.location!)
    expect(target.origin + target.pathname).to.equal('https://rp.example.test/login')
    expect([...target.searchParams]).to.deep.equal([
      ['tenant', '1'],
      ['iss', server.issuer],
    ])
  })

  it('leads nowhere else, whatever is asked', async () => {
    const { clientId } = await addClient(server, { metadata: { initiate_login_uri: LOGIN } })
    const query = '?initiate_login_uri=https://evil.example&target_link_uri=https://evil.example'
    expect((await launch(clientId, query)).location).not.to.include('evil')
  })

  it('is not found for other applications, whether there are such or not', async () => {
    const without = await addClient(server)
    const disabled = await addClient(server, { metadata: { initiate_login_uri: LOGIN } })
    await disableClient(server.parts, disabled.clientId)
    const selfMade = await addClient(server, {
      origin: 'registration',
      metadata: { initiate_login_uri: LOGIN },
    })
    const pages = await Promise.all(
      [without.clientId, disabled.clientId, selfMade.clientId, 'nobody', 'ü'].map((id) =>
        launch(id),
      ),
    )
    for (const page of pages) {
      expect(page.status).to.equal(404)
      expect(page.location).to.equal(undefined)
    }
  })
})
