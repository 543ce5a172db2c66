import { expect } from 'chai'
import { Strategy } from 'passport-openidconnect'
import {
  type AuthCore,
  addClient,
  addPerson,
  type Person,
  startAuthCore,
} from '../support/authcore.ts'
import { freePort } from '../support/free_port.ts'
import { browser } from '../support/http.ts'
import {
  callbackOf,
  type PassportApp,
  type PassportOptions,
  PkceStrategy,
  startPassportApp,
} from '../support/passport.ts'
import { goThrough } from '../support/relying_party.ts'

/** The relying party of many Node applications, Node-RED's editor among them, written by others. */

describe('passport with passport-openidconnect', function () {
  this.timeout(60_000)
  let server: AuthCore
  let ada: Person
  const apps: PassportApp[] = []
  before(async () => {
    server = await startAuthCore({ env: { AUTHCORE_LEGACY_CLIENTS: 'true' } })
    ada = await addPerson(server)
  })
  after(async () => {
    for (const app of apps) app.stop()
    await server?.stop()
  })

  async function start(
    strategy: PassportOptions['strategy'],
    preset: 'web' | 'legacy' = 'web',
  ): Promise<PassportApp> {
    const port = await freePort()
    const { clientId, secret } = await addClient(server, {
      name: 'The editor',
      preset,
      metadata: {
        redirect_uris: [callbackOf(port)],
        // All that the strategy knows.
        token_endpoint_auth_method: 'client_secret_post',
      },
    })
    const app = await startPassportApp({
      port,
      issuer: server.issuer,
      clientID: clientId,
      clientSecret: secret!,
      strategy,
    })
    apps.push(app)
    return app
  }

  const ways = [
    ['with PKCE', PkceStrategy, 'web'],
    ['as it is, as a client of old', Strategy, 'legacy'],
  ] as const
  for (const [how, strategy, preset] of ways) {
    it(`signs a person in, and has their profile from UserInfo, ${how}`, async () => {
      const app = await start(strategy, preset)
      const alice = browser()
      expect((await alice.get(app.url)).status).to.equal(401)
      const sentAway = await alice.get(`${app.url}/auth/strategy`)
      const callback = await goThrough(alice, sentAway, ada, server.issuer)
      const home = await alice.followAll(await alice.get(callback.href))
      expect([home.url, home.status], home.body).to.deep.equal([`${app.url}/`, 200])
      expect(home.json()).to.deep.include({
        id: ada.id,
        displayName: 'Ada Example',
        emails: [{ value: ada.email }],
      })
      expect((await browser().get(app.url)).status, 'anybody else').to.equal(401)
      expect((await browser().get(callback.href)).status, 'in another browser').to.equal(403)
    })
  }

  it('is told that PKCE is missing where it is left as it is', async () => {
    const app = await start(Strategy)
    const alice = browser()
    const back = await alice.follow(await alice.get(`${app.url}/auth/strategy`))
    const end = await alice.followAll(back)
    expect(end.url).to.satisfy((url: string) => url.startsWith(`${app.url}/auth/strategy/callback`))
    expect(end.json()).to.include({ name: 'AuthorizationError', code: 'invalid_request' })
    expect(end.json<{ message: string }>().message).to.match(/PKCE/)
    expect((await alice.get(app.url)).status).to.equal(401)
  })
})
