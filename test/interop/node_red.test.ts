import { expect } from 'chai'
import {
  type AuthCore,
  addClient,
  addPerson,
  type Person,
  startAuthCore,
} from '../support/authcore.ts'
import { freePort } from '../support/free_port.ts'
import { browser, type Reply } from '../support/http.ts'
import { available, type NodeRed, startNodeRed } from '../support/node_red.ts'
import { callbackOf } from '../support/passport.ts'
import { goThrough } from '../support/relying_party.ts'
import { requires } from '../support/skip.ts'

/** Its strategy, by itself and with PKCE, is in passport.test.ts; here the editor takes part. */

describe("Node-RED's editor", function () {
  this.timeout(60_000)
  let server: AuthCore
  let nodeRed: NodeRed
  let ada: Person

  before(async function () {
    this.timeout(240_000) // the first time it is installed
    requires(this, await available())
    server = await startAuthCore({ env: { AUTHCORE_LEGACY_CLIENTS: 'true' } })
    ada = await addPerson(server)
    nodeRed = await start(ada)
  })
  after(async () => {
    await nodeRed?.stop()
    await server?.stop()
  })

  async function start(editor: Person): Promise<NodeRed> {
    const port = await freePort()
    const { clientId, secret } = await addClient(server, {
      name: 'Node-RED',
      // The strategy sends no PKCE.
      preset: 'legacy',
      metadata: {
        redirect_uris: [callbackOf(port)],
        token_endpoint_auth_method: 'client_secret_post',
      },
    })
    return startNodeRed({
      port,
      issuer: server.issuer,
      clientID: clientId,
      clientSecret: secret!,
      editor: editor.email,
    })
  }

  /** Presses the editor's button and goes through our pages; where the editor sends a browser then. */
  async function signIn(person: Person): Promise<URL> {
    const alice = browser()
    const login = (await alice.get(`${nodeRed.url}/auth/login`)).json<LoginPrompts>()
    const sentAway = await alice.get(new URL(login.prompts[0]!.url, nodeRed.url).href)
    expect(sentAway.location).to.satisfy((to: string) =>
      to.startsWith(`${server.issuer}/authorize`),
    )
    const callback = await goThrough(alice, sentAway, person, server.issuer)
    const back = await alice.get(callback.href)
    expect(back.status, back.body).to.equal(302)
    return new URL(back.location!)
  }

  /** What the editor's script does with the code in its address, which is not encoded there. */
  function exchange(home: URL): Promise<Reply> {
    const code = /[?&]code=(.*?)(?:$|&)/.exec(home.search)?.[1] ?? ''
    return browser().post(`${nodeRed.url}/auth/token`, { code })
  }

  const ask = (path: string, token?: string) =>
    browser().get(
      `${nodeRed.url}${path}`,
      token ? { headers: { authorization: `Bearer ${token}` } } : {},
    )

  it('is closed to whoever did not sign in', async () => {
    for (const path of ['/settings', '/flows']) {
      expect((await ask(path)).status, path).to.equal(401)
      expect((await ask(path, 'made-up')).status, path).to.equal(401)
    }
  })

  it('opens to its user who signed in with us', async () => {
    const home = await signIn(ada)
    expect([home.origin, home.pathname, [...home.searchParams.keys()]]).to.deep.equal([
      nodeRed.url,
      '/',
      ['code'],
    ])
    const tokens = await exchange(home)
    expect(tokens.status, tokens.body).to.equal(200)
    const { accessToken } = tokens.json<{ accessToken: string }>()
    const settings = await ask('/settings', accessToken)
    expect(settings.status, settings.body).to.equal(200)
    expect(settings.json()).to.deep.include({ user: { username: ada.email, permissions: '*' } })
    const flows = await ask('/flows', accessToken)
    expect(flows.status, flows.body).to.equal(200)
    expect(flows.json()).to.be.an('array')
  })

  it('stays closed to somebody else who signed in with us', async () => {
    const eve = await addPerson(server)
    const home = await signIn(eve)
    expect(Object.fromEntries(home.searchParams)).to.deep.equal({
      session_message: 'AuthenticationError: Unauthorized',
    })
    expect(nodeRed.component.output(), 'its audit log').to.match(
      new RegExp(`auth\\.login\\.fail\\.oauth.*${eve.email}`),
    )
  })
})

type LoginPrompts = { prompts: { url: string }[] }
