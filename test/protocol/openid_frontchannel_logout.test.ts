import { expect } from 'chai'
import { decodeJwt } from 'jose'
import {
  type AuthCore,
  addClient,
  addPerson,
  CALLBACK,
  type Person,
  startAuthCore,
} from '../support/authcore.ts'
import type { Browser } from '../support/http.ts'
import { authorize, relyingParty } from '../support/relying_party.ts'
import { exchangeFields, expectTokens, post, type TestClient } from './driver.ts'

const HOME = 'https://rp.example.test/signed-out'
const LOGOUT = 'https://rp.example.test/frontchannel?tenant=1'
const OTHER = 'https://other.example.test/out'

describe('Front-Channel Logout 1.0', function () {
  this.timeout(30_000)
  let server: AuthCore
  let ada: Person
  let shop: TestClient
  let other: TestClient
  let silent: TestClient

  const add = (frontchannel_logout_uri: string | undefined) =>
    addClient(server, {
      firstParty: true,
      metadata: {
        redirect_uris: [CALLBACK],
        post_logout_redirect_uris: [HOME],
        ...(frontchannel_logout_uri ? { frontchannel_logout_uri } : {}),
      },
    })

  before(async () => {
    server = await startAuthCore({ env: { AUTHCORE_FRONTCHANNEL_LOGOUT: 'true' } })
    ada = await addPerson(server)
    ;[shop, other, silent] = await Promise.all([add(LOGOUT), add(OTHER), add(undefined)])
  })
  after(() => server?.stop())

  /** Signs in at each of them in one browser; the ID tokens. */
  async function signInAt(...clients: TestClient[]) {
    let alice: Browser | undefined
    const idTokens: string[] = []
    for (const client of clients) {
      const party = await relyingParty(server, client)
      const signedIn = await authorize(server, party, ada, alice ? { alice } : {})
      alice = signedIn.alice
      const reply = await post(server, '/token', client, exchangeFields(signedIn))
      idTokens.push(expectTokens(reply).id_token!)
    }
    return { alice: alice!, idTokens }
  }

  async function logOut(alice: Browser, idToken: string, button = 'Sign out') {
    const query = new URLSearchParams({
      id_token_hint: idToken,
      post_logout_redirect_uri: HOME,
      state: 'a b',
    })
    const page = await alice.get(`${server.issuer}/logout?${query}`)
    return await alice.submit(page, {}, { button })
  }

  const framesOf = (body: string) =>
    [...body.matchAll(/<iframe [^>]*src="([^"]*)"/g)].map(
      ([, src = '']) => new URL(src.replaceAll('&amp;', '&')),
    )

  it('loads the address of each application of the session, and goes on', async () => {
    const { alice, idTokens } = await signInAt(shop, other, silent)
    const page = await logOut(alice, idTokens[0]!)
    expect(page.status).to.equal(200)
    expect(page.body).to.include(`href="${HOME}?state=a+b"`)
    const frames = framesOf(page.body)
    expect(frames.map(({ origin, pathname }) => origin + pathname)).to.have.members([
      'https://rp.example.test/frontchannel',
      OTHER,
    ])
    for (const [index, start] of ['https://rp.', 'https://other.'].entries()) {
      const { searchParams } = frames.find(({ origin }) => origin.startsWith(start))!
      expect(searchParams.get('iss')).to.equal(server.issuer)
      expect(searchParams.get('sid')).to.equal(decodeJwt(idTokens[index]!)['sid'])
    }
    const own = frames.find(({ origin }) => origin === 'https://rp.example.test')
    expect(own!.searchParams.get('tenant')).to.equal('1')
  })

  it('allows frames of those origins only, and of nobody else anywhere', async () => {
    const { alice, idTokens } = await signInAt(shop)
    const page = await logOut(alice, idTokens[0]!)
    const policy = String(page.headers['content-security-policy'])
    expect(policy).to.match(/frame-src https:\/\/rp\.example\.test;/)
    expect(policy).to.include("default-src 'none'").and.include("frame-ancestors 'none'")
    const { alice: again, idTokens: hints } = await signInAt(silent)
    const without = await logOut(again, hints[0]!)
    expect(without.headers['content-security-policy']).not.to.include('frame-src')
  })

  it('loads nothing for whoever stays signed in', async () => {
    const { alice, idTokens } = await signInAt(shop, other)
    expect(framesOf((await logOut(alice, idTokens[0]!, 'Stay signed in')).body)).to.deep.equal([])
  })

  it('is advertised, and is not there where it is off', async () => {
    const party = await relyingParty(server, shop)
    expect(party.configuration.serverMetadata()).to.include({
      frontchannel_logout_supported: true,
      frontchannel_logout_session_supported: true,
    })
    const plain = await startAuthCore()
    try {
      const client = await addClient(plain, { metadata: { frontchannel_logout_uri: LOGOUT } })
      const { configuration } = await relyingParty(plain, client)
      expect(configuration.serverMetadata()).not.to.have.property('frontchannel_logout_supported')
    } finally {
      await plain.stop()
    }
  })
})
