import { expect } from 'chai'
import { createConnection } from '../../src/domain/federation/manage_connections.ts'
import { LIMITS } from '../../src/domain/security/limits.ts'
import { type AuthCore, startAuthCore } from '../support/authcore.ts'
import { browser } from '../support/http.ts'
import { type MadeUpSource, madeUpSource } from '../support/made_up_source.ts'
import { eventsOf } from './driver.ts'

describe('Limits on what is sent in the name of a source', function () {
  this.timeout(60_000)
  let server: AuthCore
  let source: MadeUpSource
  before(async () => {
    source = madeUpSource()
    server = await startAuthCore({ kinds: source.kinds })
    const content = { name: 'works', kind: 'made_up' }
    await createConnection({ ...server.parts, kinds: source.kinds }, { content, secrets: {} })
  })
  after(() => server?.stop())

  const at = (path: string) => `${server.issuer}/federation/works/${path}`

  it('lets an address send what is refused so often, and then nothing for a while', async () => {
    const stranger = browser()
    const ways = [
      () => stranger.get(at('callback?state=made_up')),
      () => stranger.post(at('callback'), { SAMLResponse: 'x' }),
      () => stranger.get(at('callback?state=a&state=b')),
      () => stranger.get(at('logout?SAMLRequest=x')),
      () => stranger.post(at('backchannel_logout'), { logout_token: 'x' }),
    ]
    for (let sent = 0; sent < LIMITS.federation_ip.points; sent++) {
      expect((await ways[sent % ways.length]!()).status).to.equal(400)
    }
    const message = { id: 'm', expiresAt: new Date(Date.now() + 60_000) }
    source.logout.received = { kind: 'ended', message, whose: { sessionIds: [] } }
    for (const way of ways) {
      const reply = await way()
      expect(reply.status).to.equal(429)
      expect(Number(reply.headers['retry-after'])).to.be.within(1, LIMITS.federation_ip.windowS)
    }
    const received = await eventsOf(server, 'auth.connection.logout_received')
    expect(received, 'nothing is read').to.be.empty
    const refused = await eventsOf(server, 'auth.request.refused')
    expect(refused.at(-1)!.data).to.deep.include({ reason: 'rate limit' })
    expect((await stranger.get(at('metadata'))).status, 'what we say of ourselves').to.equal(200)
  })
})
