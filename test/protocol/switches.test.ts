import { expect } from 'chai'
import { type AuthCore, addClient, addPerson, startAuthCore } from '../support/authcore.ts'
import { browser } from '../support/http.ts'
import {
  authorizationRequest,
  goThrough,
  type RelyingParty,
  relyingParty,
} from '../support/relying_party.ts'
import { answerAt, expectError, post, type TestClient } from './driver.ts'

/** What a deployment switches off or demands of everybody; the other switches are in the tests of their protocols. */
describe('A deployment that switches', function () {
  this.timeout(30_000)
  let server: AuthCore

  async function start(env: Record<string, string>) {
    server = await startAuthCore({ env })
    const client: TestClient = await addClient(server, { firstParty: true })
    return { client, party: await relyingParty(server, client) }
  }
  afterEach(() => server?.stop())

  const discovered = ({ configuration }: RelyingParty) =>
    configuration.serverMetadata() as unknown as Record<string, unknown>

  it('the device flow off serves and advertises none of it', async () => {
    const { party } = await start({ AUTHCORE_DEVICE_FLOW: 'false' })
    expect(discovered(party)).not.to.have.property('device_authorization_endpoint')
    expect(JSON.stringify(discovered(party)['grant_types_supported'])).not.to.include('device_code')
    const device = await addClient(server, { preset: 'device' })
    expect((await post(server, '/device_authorization', device, {})).status).to.equal(404)
    expect((await browser().get(`${server.issuer}/device`)).status).to.equal(404)
    const grant_type = 'urn:ietf:params:oauth:grant-type:device_code'
    const reply = await post(server, '/token', device, { grant_type, device_code: 'x' })
    expectError(reply, 400, 'unsupported_grant_type')
  })

  it('to pushed requests for everybody refuses all others', async () => {
    const { client, party } = await start({ AUTHCORE_REQUIRE_PUSHED_REQUESTS: 'true' })
    expect(discovered(party)['require_pushed_authorization_requests']).to.equal(true)
    const { url } = await authorizationRequest(party)
    const refused = answerAt(await browser().get(url.href))
    expect(refused.get('error')).to.equal('invalid_request')
    const fields = Object.fromEntries(url.searchParams)
    const pushed = await post(server, '/par', client, fields)
    const { request_uri } = pushed.json<{ request_uri: string }>()
    const query = new URLSearchParams({ client_id: client.clientId, request_uri })
    const alice = browser()
    const page = await alice.get(`${server.issuer}/authorize?${query}`)
    const callback = await goThrough(alice, page, await addPerson(server), server.issuer)
    expect(callback.searchParams.get('code')).to.be.a('string')
  })
})
