import { inflateRawSync } from 'node:zlib'
import { expect } from 'chai'
import { KINDS } from '../../src/domain/federation/kinds.ts'
import {
  createConnection,
  setConnectionStatus,
} from '../../src/domain/federation/manage_connections.ts'
import { type AuthCore, addClient, startAuthCore } from '../support/authcore.ts'
import { issueCertificate } from '../support/certificates.ts'
import { type Browser, browser, type Reply } from '../support/http.ts'
import {
  authorizationRequest,
  goThrough,
  type RelyingParty,
  relyingParty,
} from '../support/relying_party.ts'
import {
  type AssertionParts,
  assertionXml,
  post as encoded,
  type Forge,
  idOf,
  logoutXml,
  PERSISTENT,
  redirectQuery,
  responseXml,
  signElement,
} from '../support/saml_forge.ts'
import { eventsOf, type TestClient } from './driver.ts'

/** SAML where it meets the browser: an identity provider in the hand of the test, and our routes. */

const IDP = issueCertificate({ rsaBits: 2048, subject: [['CN', 'idp']] })
const STRANGER = issueCertificate({ rsaBits: 2048, subject: [['CN', 'stranger']] })
const SP = issueCertificate({ rsaBits: 2048, subject: [['CN', 'sp']] })
const IDP_ENTITY = 'https://idp.example/entity'
const HOME = 'https://portal.example.test/'

describe('A source by SAML', function () {
  this.timeout(60_000)
  let server: AuthCore
  let client: TestClient
  let party: RelyingParty
  before(async () => {
    server = await startAuthCore()
    client = await addClient(server, { name: 'Lantern Books', metadata: { client_uri: HOME } })
    party = await relyingParty(server, client)
    await connect('plain')
    await connect('portal', { idp_initiated: true, idp_initiated_client: client.clientId })
  })
  after(() => server?.stop())

  async function connect(name: string, settings: Record<string, unknown> = {}): Promise<void> {
    const idp = {
      entity_id: IDP_ENTITY,
      sso_url: 'https://idp.example/sso',
      slo_url: 'https://idp.example/slo',
      certificates: [IDP.cert],
    }
    const content = {
      name,
      kind: 'saml',
      title: `The ${name}`,
      settings: { idp, sp_certificate: SP.cert, ...settings },
    }
    await createConnection(
      { ...server.parts, kinds: KINDS },
      { content, secrets: { sp_private_key: SP.key } },
    )
  }

  const uri = (name: string, end: string) => `${server.issuer}/federation/${name}/${end}`
  const forgeOf = (name: string): Forge => ({
    idpEntityId: IDP_ENTITY,
    spEntityId: uri(name, 'metadata'),
    acsUri: uri(name, 'callback'),
    now: new Date(),
  })
  const ours = (location: string) => !location.startsWith(server.issuer)

  function response(
    name: string,
    { requestId = null, by = IDP, ...parts }: AssertionParts & Partial<Answer> = {},
  ): string {
    const forge = forgeOf(name)
    const assertion = assertionXml(forge, requestId, parts)
    const signed = signElement(assertion, idOf(assertion, 'Assertion'), by)
    return encoded(responseXml(forge, requestId, signed))
  }
  type Answer = { requestId: string | null; by: typeof IDP }

  const send = (name: string, fields: Record<string, string>, mind = browser()) =>
    mind.post(uri(name, 'callback'), fields, { headers: { origin: 'https://idp.example' } })
  const lastRefusal = async () => (await eventsOf(server, 'auth.identity.refused')).at(-1)!.data

  /** Through the identity provider with a browser of one's own. */
  async function signInBy(name: string, parts: AssertionParts, mind = browser()) {
    const { url } = await authorizationRequest(party, { connection: name })
    const away = await mind.followAll(await mind.get(url.href), ours)
    const asked = new URL(away.location!)
    const answer = response(name, { ...parts, requestId: requestIdOf(asked) })
    const RelayState = asked.searchParams.get('RelayState')!
    // The form of another site: no cookies of ours come with it.
    const back = await send(name, { SAMLResponse: answer, RelayState })
    const page = await mind.followAll(await mind.get(back.location!), ours)
    return { mind, page, away }
  }

  async function signedInBy(name: string, parts: AssertionParts): Promise<Browser> {
    const { mind, page } = await signInBy(name, parts)
    await goThrough(mind, page, { id: '', email: '', password: '' }, server.issuer)
    return mind
  }

  const isSignedIn = async (mind: Browser) => {
    const { url } = await authorizationRequest(party, { prompt: 'none' })
    const reply = await mind.followAll(await mind.get(url.href), ours)
    return !reply.location!.includes('error=')
  }

  describe('that sends what nobody asked for', () => {
    it('is not listened to unless the connection says so', async () => {
      const reply = await send('plain', { SAMLResponse: response('plain') })
      expect(reply.status).to.equal(400)
      expect(reply.location).to.equal(undefined)
      expect(await lastRefusal()).to.deep.include({ connection: 'plain', reason: 'unknown_state' })
    })

    it('leads to a page that says who comes to what, and signs nobody in', async () => {
      const mind = browser()
      const RelayState = 'https://evil.example/"><script>'
      const SAMLResponse = response('portal', { nameId: 'mallory' })
      const page = await send('portal', { SAMLResponse, RelayState }, mind)
      expect(page.status).to.equal(200)
      expect(page.text()).to.include('The portal has sent you here as mallory')
      expect(page.text()).to.include('Continue to Lantern Books')
      expect(page.body, 'RelayState is nothing').not.to.include('evil.example')
      expect(page.headers['set-cookie']).to.equal(undefined)
      expect(await isSignedIn(mind)).to.equal(false)
    })

    it('leads on to the application, whose request goes to the source and belongs to the browser', async () => {
      const victim = browser()
      await send('portal', { SAMLResponse: response('portal', { nameId: 'mallory' }) }, victim)
      const gone = await victim.get(uri('portal', 'launch'))
      expect(gone.location).to.equal(HOME)
      const { url } = await authorizationRequest(party)
      const away = await victim.followAll(await victim.get(url.href), ours)
      expect(away.location).to.match(/^https:\/\/idp\.example\/sso\?SAMLRequest=/)
      const again = await authorizationRequest(party)
      const login = await victim.followAll(await victim.get(again.url.href), ours)
      expect(login.url, 'once').to.match(/\/login$/)
    })

    it('leads no other application to the source', async () => {
      const other = await addClient(server)
      const mind = browser()
      await mind.get(uri('portal', 'launch'))
      const { url } = await authorizationRequest(await relyingParty(server, other))
      expect((await mind.followAll(await mind.get(url.href), ours)).url).to.match(/\/login$/)
    })

    it('is not believed a second time, also by several at once', async () => {
      const SAMLResponse = response('portal')
      const replies = await Promise.all(
        Array.from({ length: 6 }, () => send('portal', { SAMLResponse })),
      )
      expect(replies.filter(({ status }) => status === 200)).to.have.length(1)
      expect((await send('portal', { SAMLResponse })).status).to.equal(400)
      expect(await lastRefusal()).to.deep.include({ reason: 'invalid', detail: 'it came before' })
    })

    for (const [what, parts, check] of [
      ['is signed by somebody else', { by: STRANGER }, 'signature'],
      ['answers a request', { requestId: '_of_somebody' }, 'in_response_to'],
      ['is for somebody else', { audiences: [['https://other.example']] }, 'audience'],
      ['is over', { confirmedUntil: new Date(Date.now() - 600_000) }, 'confirmation_time'],
    ] as const) {
      it(`is not believed where it ${what}`, async () => {
        const SAMLResponse = response('portal', parts as Parameters<typeof response>[1])
        const reply = await send('portal', { SAMLResponse })
        expect(reply.status).to.equal(400)
        expect(reply.text()).not.to.include('opaque-1')
        expect((await lastRefusal()) as object)
          .to.have.property('detail')
          .that.matches(new RegExp(`^${check}: `))
      })
    }

    it('is not listened to by GET, or at a connection that leads nowhere', async () => {
      const query = new URLSearchParams({ SAMLResponse: response('portal') })
      expect((await browser().get(`${uri('portal', 'callback')}?${query}`)).status).to.equal(400)
      expect((await browser().get(uri('plain', 'launch'))).status).to.equal(404)
      const homeless = await addClient(server)
      const settings = { idp_initiated: true, idp_initiated_client: homeless.clientId }
      await connect('nowhere', settings)
      await waitFor(async () => (await server.parts.connections.find('nowhere')) !== undefined)
      const reply = await send('nowhere', { SAMLResponse: response('nowhere') })
      expect(reply.status).to.equal(400)
      expect((await browser().get(uri('nowhere', 'launch'))).status).to.equal(404)
    })

    it('is not listened to any more where the connection is disabled', async () => {
      const settings = { idp_initiated: true, idp_initiated_client: client.clientId }
      await connect('former', settings)
      await waitFor(async () => (await server.parts.connections.find('former')) !== undefined)
      expect((await send('former', { SAMLResponse: response('former') })).status).to.equal(200)
      await setConnectionStatus(server.parts, { name: 'former', status: 'disabled' })
      await waitFor(async () => (await server.parts.connections.find('former')) === undefined)
      expect((await send('former', { SAMLResponse: response('former') })).status).to.equal(400)
      for (const end of ['launch', 'metadata']) {
        expect((await browser().get(uri('former', end))).status, end).to.equal(404)
      }
    })
  })

  describe('that ends sessions', () => {
    const name = (nameId: string, sessionIndex?: string) =>
      `<saml:NameID Format="${PERSISTENT}">${nameId}</saml:NameID>${
        sessionIndex ? `<samlp:SessionIndex>${sessionIndex}</samlp:SessionIndex>` : ''
      }`
    const logoutQuery = (content: string, by: typeof IDP | undefined = IDP) =>
      redirectQuery(
        'SAMLRequest',
        logoutXml(forgeOf('plain'), 'LogoutRequest', uri('plain', 'logout'), { content }),
        by,
      )
    const bring = async (query: string): Promise<Reply> =>
      await browser().get(`${uri('plain', 'logout')}?${query}`)

    it('is not believed where nobody, or somebody else, has signed', async () => {
      const mind = await signedInBy('plain', { nameId: 'ada', sessionIndex: '_ada' })
      const unsigned = logoutQuery(name('ada', '_ada')).replace(/&SigAlg=.*/, '')
      const forged = logoutQuery(name('ada', '_ada'), STRANGER)
      for (const query of [unsigned, forged]) {
        const reply = await bring(query)
        expect(reply.status).to.equal(400)
        expect(reply.location).to.equal(undefined)
      }
      expect(await isSignedIn(mind)).to.equal(true)
    })

    it('ends nothing of somebody else, nor of a session that was before', async () => {
      const mind = await signedInBy('plain', { nameId: 'bea', sessionIndex: '_bea1' })
      const later = await signedInBy('plain', { nameId: 'bea', sessionIndex: '_bea2' })
      for (const content of [name('mallory', '_bea1'), name('mallory'), name('bea', '_bea0')]) {
        const reply = await bring(logoutQuery(content))
        expect(reply.location, 'it has its answer').to.match(/^https:\/\/idp\.example\/slo\?/)
        expect(await isSignedIn(mind), content).to.equal(true)
      }
      await bring(logoutQuery(name('bea', '_bea1')))
      expect(await isSignedIn(mind)).to.equal(false)
      expect(await isSignedIn(later)).to.equal(true)
    })

    it('is believed once', async () => {
      const query = logoutQuery(name('cleo'))
      expect((await bring(query)).status).to.equal(303)
      const mind = await signedInBy('plain', { nameId: 'cleo' })
      expect((await bring(query)).status).to.equal(400)
      expect(await isSignedIn(mind)).to.equal(true)
      const events = await eventsOf(server, 'auth.connection.logout_refused')
      expect(events.at(-1)!.data).to.deep.include({ reason: 'it came before' })
    })
  })
})

function requestIdOf(url: URL): string {
  const packed = Buffer.from(url.searchParams.get('SAMLRequest')!, 'base64')
  return idOf(inflateRawSync(packed).toString(), 'AuthnRequest')
}

async function waitFor(done: () => Promise<boolean>): Promise<void> {
  for (let i = 0; i < 100; i++) {
    if (await done()) return
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  throw new Error('it did not come to that')
}
