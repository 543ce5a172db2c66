import { expect } from 'chai'
import { decodeJwt } from 'jose'
import { createResourceServer } from '../../src/domain/clients/create_resource_server.ts'
import { updateResourceServer } from '../../src/domain/clients/update_resource_server.ts'
import {
  API,
  type AuthCore,
  addClient,
  addPerson,
  type Person,
  startAuthCore,
} from '../support/authcore.ts'
import { type Browser, browser, type Reply } from '../support/http.ts'
import {
  authorizationRequest,
  authorize,
  goThrough,
  type RelyingParty,
  relyingParty,
} from '../support/relying_party.ts'
import {
  addGuard,
  addService,
  answerAt,
  enterUserCode,
  eventsOf,
  exchangeFields,
  expectError,
  expectTokens,
  introspect,
  post,
  redeemDevice,
  refreshFields,
  startDevice,
  type TestClient,
  type Tokens,
} from './driver.ts'

const ACCOUNTS = 'https://accounts.example.test'

const PAYMENT = {
  type: 'payment_initiation',
  title: 'Initiate a payment',
  schema: {
    type: 'object' as const,
    properties: {
      actions: {
        type: 'array' as const,
        title: 'Steps',
        items: { enum: ['initiate', 'status', 'cancel'] },
        minItems: 1,
      },
      instructedAmount: {
        type: 'object' as const,
        title: 'Amount',
        properties: {
          currency: { type: 'string' as const, title: 'Currency', pattern: '^[A-Z]{3}$' },
          amount: { type: 'string' as const, title: 'Sum' },
        },
        required: ['currency', 'amount'],
      },
      creditorName: { type: 'string' as const },
      urgent: { type: 'boolean' as const },
    },
    required: ['instructedAmount'],
  },
  locales: {
    de: { title: 'Zahlung auslösen', labels: { instructedAmount: 'Betrag' } },
  },
}
const ACCOUNT = {
  type: 'account_information',
  title: 'Look at an account',
  schema: { type: 'object' as const, properties: { iban: { type: 'string' as const } } },
}

const AMOUNT = { currency: 'EUR', amount: '123.50' }
const payment = (changes: Record<string, unknown> = {}) => ({
  type: 'payment_initiation',
  actions: ['initiate', 'status'],
  instructedAmount: AMOUNT,
  creditorName: 'Merchant <A>',
  ...changes,
})
const details = (...list: unknown[]) => ({ authorization_details: JSON.stringify(list) })

type RichTokens = Tokens & { authorization_details?: unknown }

describe('Rich authorization requests (RFC 9396)', function () {
  this.timeout(30_000)
  let server: AuthCore
  let client: TestClient
  let party: RelyingParty
  let ada: Person

  before(async () => {
    server = await startAuthCore()
    await createResourceServer(server.parts, {
      identifier: API,
      name: 'Example Bank',
      scopes: [{ name: 'read' }],
      authorizationDetailsTypes: [PAYMENT],
    })
    await createResourceServer(server.parts, {
      identifier: ACCOUNTS,
      name: 'Accounts',
      accessTokenFormat: 'opaque',
      authorizationDetailsTypes: [ACCOUNT],
    })
    await server.parts.runtime.refresh()
    client = await addClient(server, {
      metadata: { authorization_details_types: ['payment_initiation', 'account_information'] },
    })
    party = await relyingParty(server, client)
    ada = await addPerson(server)
  })
  after(() => server?.stop())

  const allow = async (parameters: Record<string, string>, alice?: Browser, at = party) =>
    await authorize(server, at, ada, { parameters, ...(alice ? { alice } : {}) })
  const redeem = async (
    signedIn: Awaited<ReturnType<typeof allow>>,
    extra: Record<string, string> = {},
  ) => {
    const fields = { ...exchangeFields(signedIn), ...extra }
    return expectTokens(await post(server, '/token', client, fields)) as RichTokens
  }
  /** To the consent page, or to the client. */
  const ask = async (parameters: Record<string, string>, mind = browser()) => {
    const { url } = await authorizationRequest(party, { scope: 'openid', ...parameters })
    const ours = (location: string) => !location.startsWith(server.issuer)
    const page = await mind.followAll(await mind.get(url.href), ours)
    if (!new URL(page.url).pathname.endsWith('/login')) return page
    const answer = await mind.submit(page, { login: ada.email, password: ada.password })
    return await mind.followAll(answer, ours)
  }
  const isConsent = ({ url }: Reply) => new URL(url).pathname.endsWith('/consent')

  it('is told of in discovery, with the types of every API', async () => {
    const document = await browser().get(`${server.issuer}/.well-known/openid-configuration`)
    expect(document.json()).to.deep.include({
      authorization_details_types_supported: ['account_information', 'payment_initiation'],
    })
  })

  it('puts into the token of the API, the answer and introspection what was allowed', async () => {
    const signedIn = await allow({ scope: 'openid', ...details(payment()) })
    const tokens = await redeem(signedIn)
    const claims = decodeJwt(tokens.access_token)
    expect(claims.aud).to.equal(API)
    expect(claims['authorization_details']).to.deep.equal([payment()])
    expect(tokens.authorization_details).to.deep.equal([payment()])
    const seen = await introspect(server, await addGuard(server), tokens.access_token)
    expect(seen).to.deep.include({ active: true, authorization_details: [payment()] })
    expect(decodeJwt(tokens.id_token!)).not.to.have.property('authorization_details')
    const [event] = (await eventsOf(server, 'auth.consent.granted')).slice(-1)
    expect(event?.data['detailsTypes']).to.deep.equal(['payment_initiation'])
    expect(JSON.stringify(event)).not.to.include('123.50')
  })

  it('shows every value, escaped, in the language of the person', async () => {
    const page = await ask(details(payment({ urgent: true })))
    expect(isConsent(page)).to.equal(true)
    expect(page.text()).to.include('Initiate a payment').and.include('At Example Bank')
    for (const line of ['Steps', 'initiate', 'status', 'Amount · Currency', 'EUR', '123.50', 'Yes'])
      expect(page.text()).to.include(line)
    expect(page.body).to.include('Merchant &lt;A&gt;').and.not.include('<A>')
    const german = await ask({ ui_locales: 'de', ...details(payment()) })
    expect(german.text()).to.include('Zahlung auslösen').and.include('Betrag · Currency')
  })

  it('is asked about each time, and never answered in silence', async () => {
    const alice = browser()
    await allow({ scope: 'openid', ...details(payment()) }, alice)
    const page = await ask(details(payment()), alice)
    expect(isConsent(page)).to.equal(true)
    const silent = await authorizationRequest(party, {
      scope: 'openid',
      prompt: 'none',
      ...details(payment()),
    })
    expect(answerAt(await alice.get(silent.url.href)).get('error')).to.equal('consent_required')
    // What has no details is remembered as ever.
    expect(isConsent(await ask({}, alice))).to.equal(false)
  })

  it('is given to applications of the house without a question', async () => {
    const house = await addClient(server, {
      firstParty: true,
      metadata: { authorization_details_types: ['payment_initiation'] },
    })
    const at = await relyingParty(server, house)
    const alice = browser()
    await allow({ scope: 'openid' }, alice, at)
    const { url, checks } = await authorizationRequest(at, {
      scope: 'openid',
      prompt: 'none',
      ...details(payment()),
    })
    const answer = await alice.get(url.href)
    expect(answerAt(answer).get('error')).to.equal(null)
    const callback = new URL(answer.location!)
    const fields = exchangeFields({ callback, checks })
    const tokens = expectTokens(await post(server, '/token', house, fields)) as RichTokens
    expect(tokens.authorization_details).to.deep.equal([payment()])
  })

  it('ends at the client where the person says no', async () => {
    const mind = browser()
    const page = await ask(details(payment()), mind)
    const cancel = { form: ({ action }: { action: string }) => action.endsWith('/cancel') }
    const denied = await mind.followAll(await mind.submit(page, {}, cancel), (location) =>
      location.startsWith('https://rp.'),
    )
    expect(answerAt(denied).get('error')).to.equal('access_denied')
  })

  describe('a request', () => {
    const refused: [string, Record<string, string>][] = [
      ['of an unknown type', details({ type: 'house_sale' })],
      ['of a type named like a member of every object', details({ type: 'constructor' })],
      ['with a member that the type does not know', details(payment({ debtorName: 'Eve' }))],
      [
        'with an unknown member further down',
        details(payment({ instructedAmount: { ...AMOUNT, limit: 1 } })),
      ],
      [
        'with __proto__',
        { authorization_details: '[{"type":"payment_initiation","__proto__":{}}]' },
      ],
      [
        'with a wrong value',
        details(payment({ instructedAmount: { ...AMOUNT, currency: 'eur' } })),
      ],
      ['with a value of the wrong kind', details(payment({ urgent: 'yes' }))],
      ['without what is required', details(payment({ instructedAmount: undefined }))],
      ['with a common member that the type does not have', details(payment({ locations: [API] }))],
      [
        'with a value longer than a page shows',
        details(payment({ creditorName: 'x'.repeat(501) })),
      ],
      ['with a value that turns the text', details(payment({ creditorName: 'a\u202eb' }))],
      ['with more details than anybody reads', details(...Array(11).fill(payment()))],
      ['that is no JSON', { authorization_details: '[{' }],
      ['that is no list', { authorization_details: JSON.stringify(payment()) }],
      ['with an entry that is no object', details('payment_initiation')],
      ['with an entry without a type', details({ actions: ['initiate'] })],
      ['for another resource', { resource: ACCOUNTS, ...details(payment()) }],
    ]
    for (const [what, parameters] of refused) {
      it(`${what} is refused`, async () => {
        const { url } = await authorizationRequest(party, { scope: 'openid', ...parameters })
        const answer = answerAt(await browser().get(url.href))
        expect(answer.get('error')).to.equal('invalid_authorization_details')
        expect(answer.get('error_description')).to.match(/^[\x20-\x21\x23-\x5b\x5d-\x7e]+$/)
        expect(answer.get('code')).to.equal(null)
        const pushed = await post(
          server,
          '/par',
          client,
          Object.fromEntries(url.searchParams) as Record<string, string>,
        )
        expectError(pushed, 400, 'invalid_authorization_details')
      })
    }

    it('of a type that the client did not register is refused', async () => {
      const other = await relyingParty(server, await addClient(server))
      const { url } = await authorizationRequest(other, details(payment()))
      expect(answerAt(await browser().get(url.href)).get('error')).to.equal(
        'invalid_authorization_details',
      )
      const event = (await eventsOf(server, 'auth.authorization.refused')).at(-1)
      expect(event?.data).to.include({ error: 'invalid_authorization_details' })
    })

    it('can be pushed (RFC 9126)', async () => {
      const { url, checks } = await authorizationRequest(party, details(payment()))
      const fields = Object.fromEntries(url.searchParams) as Record<string, string>
      const pushed = await post(server, '/par', client, fields)
      expect(pushed.status, pushed.body).to.equal(201)
      const { request_uri } = pushed.json<{ request_uri: string }>()
      const at = `${server.issuer}/authorize?${new URLSearchParams({ client_id: client.clientId, request_uri })}`
      const alice = browser()
      const callback = await goThrough(alice, await alice.get(at), ada, server.issuer)
      const tokens = await redeem({ alice, callback, checks })
      expect(tokens.authorization_details).to.deep.equal([payment()])
    })

    it('without any scope is enough', async () => {
      const { url, checks } = await authorizationRequest(party, details(payment()))
      url.searchParams.delete('scope')
      url.searchParams.delete('nonce')
      const alice = browser()
      const callback = await goThrough(alice, await alice.get(url.href), ada, server.issuer)
      const tokens = await redeem({ alice, callback, checks })
      expect(tokens).not.to.have.property('id_token')
      expect(decodeJwt(tokens.access_token)['authorization_details']).to.deep.equal([payment()])
    })
  })

  describe('a token request', () => {
    const two = details(payment(), { type: 'account_information', iban: 'DE02' })

    it('gives each API what concerns it', async () => {
      const signedIn = await allow({ scope: 'openid offline_access', prompt: 'consent', ...two })
      const fields = exchangeFields(signedIn)
      expectError(await post(server, '/token', client, fields), 400, 'invalid_target')
      const first = await redeem(
        await allow({ scope: 'openid offline_access', prompt: 'consent', ...two }),
        { resource: API },
      )
      expect(first.authorization_details).to.deep.equal([payment()])
      const refreshing = { ...refreshFields(first.refresh_token!), resource: ACCOUNTS }
      const second = expectTokens(await post(server, '/token', client, refreshing)) as RichTokens
      const account = [{ type: 'account_information', iban: 'DE02' }]
      expect(second.authorization_details).to.deep.equal(account)
      const seen = await introspect(server, await addGuard(server), second.access_token)
      expect(seen).to.deep.include({ active: true, authorization_details: account })
    })

    it('can ask for less', async () => {
      const offline = { scope: 'openid offline_access', prompt: 'consent' }
      const signedIn = await allow({ ...offline, ...details(payment()) })
      const less = payment({ actions: ['status'] })
      const tokens = await redeem(signedIn, details(less))
      expect(tokens.authorization_details).to.deep.equal([less])
      // The refresh token still holds all of it.
      const again = await post(server, '/token', client, refreshFields(tokens.refresh_token!))
      expect((expectTokens(again) as RichTokens).authorization_details).to.deep.equal([payment()])
    })

    for (const [what, more] of [
      ['a further action', payment({ actions: ['initiate', 'status', 'cancel'] })],
      ['no list of actions', payment({ actions: undefined })],
      ['another amount', payment({ instructedAmount: { ...AMOUNT, amount: '999' } })],
      ['a member that was left out', payment({ urgent: true })],
    ] as const) {
      it(`cannot ask for more: ${what}`, async () => {
        const fields = { ...exchangeFields(await allow(details(payment()))), ...details(more) }
        expectError(
          await post(server, '/token', client, fields),
          400,
          'invalid_authorization_details',
        )
      })
    }

    it('cannot begin with details where none were allowed', async () => {
      const signedIn = await allow({ scope: 'openid read', resource: API })
      const fields = { ...exchangeFields(signedIn), resource: API, ...details(payment()) }
      expectError(
        await post(server, '/token', client, fields),
        400,
        'invalid_authorization_details',
      )
    })

    it('of a service names its own, for an API that is assigned to it', async () => {
      const types = { authorization_details_types: ['payment_initiation'] }
      const service = await addService(server, { ...types, resource_scopes: { [API]: [] } })
      const fields = { grant_type: 'client_credentials', ...details(payment()) }
      const tokens = expectTokens(await post(server, '/token', service, fields)) as RichTokens
      expect(tokens.authorization_details).to.deep.equal([payment()])
      expect(decodeJwt(tokens.access_token)['authorization_details']).to.deep.equal([payment()])
      const stranger = await addService(server, types)
      expectError(await post(server, '/token', stranger, fields), 400, 'invalid_target')
    })
  })

  it('works for devices, whose person sees the details', async () => {
    const device = await addClient(server, {
      preset: 'device',
      metadata: { redirect_uris: [], authorization_details_types: ['payment_initiation'] },
    })
    const begun = await startDevice(server, device, details(payment()))
    const alice = browser()
    const confirm = await enterUserCode(server, alice, begun.user_code)
    let page = await alice.followAll(await alice.submit(confirm, {}, { button: 'Yes, connect' }))
    page = await alice.followAll(
      await alice.submit(page, { login: ada.email, password: ada.password }),
    )
    expect(page.text()).to.include('Initiate a payment').and.include('123.50')
    await alice.followAll(await alice.submit(page, {}, { button: 'Allow' }))
    const tokens = expectTokens(await redeemDevice(server, device, begun.device_code))
    expect((tokens as RichTokens).authorization_details).to.deep.equal([payment()])
  })

  describe('a type', () => {
    it('is known everywhere once it is registered, and gone once it is taken away', async () => {
      const audit = { type: 'audit', title: 'Audit', schema: ACCOUNT.schema }
      const own = await addClient(server, { metadata: { authorization_details_types: ['audit'] } })
      const at = await relyingParty(server, own)
      const errorNow = async () => {
        const { url } = await authorizationRequest(at, details({ type: 'audit' }))
        const reply = await browser().get(url.href)
        return new URL(reply.location!, server.issuer).searchParams.get('error')
      }
      expect(await errorNow()).to.equal('invalid_authorization_details')
      await updateResourceServer(server.parts, ACCOUNTS, {
        authorizationDetailsTypes: [ACCOUNT, audit],
      })
      await server.parts.runtime.refresh()
      expect(await errorNow()).to.equal(null)
      await updateResourceServer(server.parts, ACCOUNTS, { authorizationDetailsTypes: [ACCOUNT] })
      await server.parts.runtime.refresh()
      // The client goes on, whatever it is registered with.
      expect(await errorNow()).to.equal('invalid_authorization_details')
      await allow({ scope: 'openid' }, browser(), at)
    })

    it('reaches a running server by itself', async () => {
      const quick = { type: 'quick', title: 'Quick', schema: ACCOUNT.schema }
      await updateResourceServer(server.parts, ACCOUNTS, {
        authorizationDetailsTypes: [ACCOUNT, quick],
      })
      const supported = async () => {
        const document = await browser().get(`${server.issuer}/.well-known/openid-configuration`)
        return document.json<{ authorization_details_types_supported: string[] }>()
          .authorization_details_types_supported
      }
      for (let wait = 0; wait < 50 && !(await supported()).includes('quick'); wait++)
        await new Promise((resolve) => setTimeout(resolve, 50))
      expect(await supported()).to.include('quick')
    })
  })

  it('is not there where it is switched off', async () => {
    const off = await startAuthCore({ env: { AUTHCORE_RICH_AUTHORIZATION: 'false' } })
    try {
      const document = await browser().get(`${off.issuer}/.well-known/openid-configuration`)
      expect(document.json()).not.to.have.property('authorization_details_types_supported')
      const listed = await addClient(off, {
        metadata: { authorization_details_types: ['payment_initiation'] },
      })
      const at = await relyingParty(off, listed)
      const person = await addPerson(off)
      const { callback } = await authorize(off, at, person, { parameters: details(payment()) })
      expect(callback.searchParams.get('code')).to.be.a('string')
    } finally {
      await off.stop()
    }
  })
})
