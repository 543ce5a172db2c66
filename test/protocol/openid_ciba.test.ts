import { expect } from 'chai'
import { decodeJwt } from 'jose'
import * as oidc from 'openid-client'
import { disableAccount } from '../../src/domain/accounts/block_account.ts'
import { createClient } from '../../src/domain/clients/create_client.ts'
import { createResourceServer } from '../../src/domain/clients/create_resource_server.ts'
import {
  API,
  type AuthCore,
  addClient,
  addPerson,
  type Person,
  startAuthCore,
} from '../support/authcore.ts'
import { atOnce, type Browser, browser, type Reply } from '../support/http.ts'
import { authorize, relyingParty } from '../support/relying_party.ts'
import {
  eventsOf,
  exchangeFields,
  expectError,
  expectTokens,
  post,
  refresh,
  rows,
  type TestClient,
  userinfo,
  verifyWithJwks,
} from './driver.ts'

const CIBA = 'urn:openid:params:grant-type:ciba'

describe('Client-initiated backchannel authentication (OpenID Connect CIBA Core 1.0)', function () {
  this.timeout(30_000)
  let server: AuthCore
  let ada: Person
  let client: TestClient
  /** A browser in which Ada is signed in. */
  let alice: Browser

  before(async () => {
    server = await startAuthCore()
    ada = await addPerson(server)
    client = await addBank()
    alice = await signedIn(ada)
  })
  after(() => server?.stop())

  const addBank = (metadata: NonNullable<Parameters<typeof addClient>[1]>['metadata'] = {}) =>
    addClient(server, {
      name: 'The bank',
      metadata: {
        grant_types: ['authorization_code', 'refresh_token', CIBA],
        backchannel_token_delivery_mode: 'poll',
        ...metadata,
      },
    })
  async function signedIn(person: Person): Promise<Browser> {
    const party = await relyingParty(server, await addClient(server, { preset: 'spa' }))
    return (await authorize(server, party, person)).alice
  }
  const ask = (fields: Record<string, string> = {}, who = client, person = ada) =>
    post(server, '/backchannel_authentication', who, {
      scope: 'openid',
      login_hint: person.email,
      ...fields,
    })
  async function begin(fields: Record<string, string> = {}, who = client, person = ada) {
    const reply = await ask(fields, who, person)
    expect(reply.status, reply.body).to.equal(200)
    return reply.json<{ auth_req_id: string; expires_in: number; interval?: number }>()
  }
  const redeem = (id: string, who = client, options = {}) =>
    post(server, '/token', who, { grant_type: CIBA, auth_req_id: id }, options)
  const page = (mind = alice) => mind.get(`${server.issuer}/ciba`)
  /** The form of the request with this message. */
  const formOf = (at: Reply, message: string) => {
    const index = at
      .text()
      .split('asks you to confirm')
      .findIndex((part) => part.includes(message))
    expect(index, at.text()).to.be.above(0)
    return index - 1
  }
  const press = (at: Reply, message: string, button: string, mind = alice, options = {}) =>
    mind.submit(at, {}, { form: formOf(at, message), button, ...options })
  let asked = 0
  /** A message that tells the requests of the tests apart. */
  const message = () => `till ${++asked}`
  /** What was asked too often in the tests before counts no more. */
  const forgetLimits = async () => {
    for (const person of [ada.id]) {
      await server.parts.limits.reset('ciba_account', person)
      await server.parts.limits.reset('ciba_account_client', `${client.clientId} ${person}`)
    }
  }
  beforeEach(forgetLimits)

  async function expectPending(id: string, who = client): Promise<void> {
    const reply = await redeem(id, who)
    expect(reply.status).to.equal(400)
    expect(reply.json<{ error: string }>().error).to.match(/^(authorization_pending|slow_down)$/)
  }

  it('is told of in discovery', async () => {
    const document = await browser().get(`${server.issuer}/.well-known/openid-configuration`)
    expect(document.json()).to.deep.include({
      backchannel_authentication_endpoint: `${server.issuer}/backchannel_authentication`,
      backchannel_token_delivery_modes_supported: ['poll', 'ping'],
      backchannel_user_code_parameter_supported: false,
    })
    expect(document.json<{ grant_types_supported: string[] }>().grant_types_supported).to.include(
      CIBA,
    )
  })

  it('waits for the person, and then gives tokens once', async () => {
    const text = message()
    const scope = 'openid profile offline_access'
    const claims = JSON.stringify({ id_token: { auth_time: null, amr: null, acr: null } })
    const { auth_req_id, expires_in } = await begin({ scope, claims, binding_message: text })
    expect(auth_req_id).to.match(/^[\w-]{43}$/)
    expect(expires_in).to.equal(300)
    await expectPending(auth_req_id)
    const waiting = await page()
    expect(waiting.text()).to.include('The bank asks you to confirm').and.include(text)
    expect(waiting.text()).to.include('See your profile')
    const done = await press(waiting, text, 'approve')
    expect(done.status, done.text()).to.equal(200)
    expect(done.text()).to.include('You have approved it')
    const tokens = expectTokens(await redeem(auth_req_id))
    const { payload } = await verifyWithJwks(server, tokens.id_token!, {
      audience: client.clientId,
    })
    expect(payload.sub).to.equal(ada.id)
    expect(payload['auth_time']).to.be.a('number')
    expect(payload['amr']).to.deep.equal(['pwd'])
    expect((await userinfo(server, tokens.access_token)).json()).to.include({ name: 'Ada Example' })
    expectTokens(await refresh(server, client, tokens.refresh_token!))
    expectError(await redeem(auth_req_id), 400, 'invalid_grant')
    expect((await userinfo(server, tokens.access_token)).status).to.equal(401)
    expect((await eventsOf(server, 'auth.token.reuse_detected')).at(-1)?.subject).to.equal(ada.id)
    expect((await page()).text()).not.to.include(text)
  })

  it('goes from end to end with openid-client', async () => {
    const { configuration } = await relyingParty(server, client)
    const text = message()
    const begun = await oidc.initiateBackchannelAuthentication(configuration, {
      scope: 'openid email',
      login_hint: ada.email,
      binding_message: text,
    })
    await press(await page(), text, 'approve')
    const tokens = await oidc.pollBackchannelAuthenticationGrant(configuration, {
      ...begun,
      interval: 1,
    })
    expect(tokens.claims()?.sub).to.equal(ada.id)
  })

  it('tells of it in the trail, and in a message to the person', async () => {
    const text = message()
    await begin({ binding_message: text })
    const [asking] = (await eventsOf(server, 'auth.approval.requested')).slice(-1)
    expect(asking).to.deep.include({ subject: ada.id })
    expect(asking?.data).to.include({ clientId: client.clientId })
    await press(await page(), text, 'deny')
    const [answered] = (await eventsOf(server, 'auth.approval.answered')).slice(-1)
    expect(answered?.data).to.include({ clientId: client.clientId, outcome: 'denied' })
  })

  it('tells the application that the person said no', async () => {
    const text = message()
    const { auth_req_id } = await begin({ binding_message: text })
    const done = await press(await page(), text, 'deny')
    expect(done.text()).to.include('You have denied it')
    expectError(await redeem(auth_req_id), 400, 'access_denied')
    expectError(await redeem(auth_req_id), 400, 'access_denied')
  })

  it('answers who asks too often with slow_down', async () => {
    const { auth_req_id } = await begin()
    expectError(await redeem(auth_req_id), 400, 'authorization_pending')
    expectError(await redeem(auth_req_id), 400, 'slow_down')
  })

  describe('the person', () => {
    it('signs in first where nobody is, and comes to what waits', async () => {
      const text = message()
      const { auth_req_id } = await begin({ binding_message: text })
      const eve = browser()
      const login = await eve.followAll(await page(eve))
      expect(new URL(login.url).pathname).to.match(/\/login$/)
      const answer = await eve.submit(login, { login: ada.email, password: ada.password })
      const waiting = await eve.followAll(answer)
      expect(waiting.url).to.equal(`${server.issuer}/ciba`)
      await press(waiting, text, 'approve', eve)
      expectTokens(await redeem(auth_req_id))
    })

    it('may turn back instead of signing in', async () => {
      const eve = browser()
      const login = await eve.followAll(await page(eve))
      const cancel = { form: ({ action }: { action: string }) => action.endsWith('/cancel') }
      const home = await eve.followAll(await eve.submit(login, {}, cancel))
      expect(home.url).to.equal(`${server.issuer}/`)
    })

    it('sees nothing that is meant for somebody else, and can answer none of it', async () => {
      const bob = await addPerson(server)
      const bobs = await signedIn(bob)
      const [hers, his] = [message(), message()]
      const { auth_req_id } = await begin({ binding_message: hers })
      await begin({ binding_message: his }, client, bob)
      const waiting = await page(bobs)
      expect(waiting.text()).to.include(his).and.not.include(hers)
      const own = await page()
      const handle = own.forms()[formOf(own, hers)]!.fields.get('request')!
      // With his own token, and with hers.
      expect((await press(waiting, his, 'approve', bobs, {})).status).to.equal(200)
      const again = await page(bobs)
      expect(again.text()).to.include('Nothing is waiting for you')
      for (const csrf of [
        waiting.forms()[0]!.fields.get('csrf')!,
        own.forms()[formOf(own, hers)]!.fields.get('csrf')!,
      ]) {
        const forged = await bobs.submit(waiting, { request: handle, csrf }, { button: 'approve' })
        expect(forged.status).to.equal(403)
      }
      await expectPending(auth_req_id)
    })

    it('is not answered for by a form from elsewhere', async () => {
      const text = message()
      const { auth_req_id } = await begin({ binding_message: text })
      const waiting = await page()
      const foreign = await press(waiting, text, 'approve', alice, {
        headers: { origin: 'https://evil.example' },
      })
      expect(foreign.status).to.equal(403)
      const forged = await alice.submit(
        waiting,
        { csrf: 'x' },
        { form: formOf(waiting, text), button: 'approve' },
      )
      expect(forged.status).to.equal(403)
      const missing = await alice.post(`${server.issuer}/ciba`, { answer: 'approve' })
      expect(missing.status).to.equal(400)
      await expectPending(auth_req_id)
    })

    it('answers once: the second answer comes too late', async () => {
      const text = message()
      const { auth_req_id } = await begin({ binding_message: text })
      const waiting = await page()
      for (let time = 0; time < 2; time++) {
        expect((await press(waiting, text, 'deny')).text()).to.include('You have denied it')
      }
      const late = await press(waiting, text, 'approve')
      expect(late.status).to.equal(409)
      expect(late.text()).to.include('This can no longer be answered')
      expectError(await redeem(auth_req_id), 400, 'access_denied')
    })

    it('presses twice, and finds the same answer', async () => {
      const text = message()
      await begin({ binding_message: text })
      const waiting = await page()
      for (let time = 0; time < 2; time++) {
        const done = await press(waiting, text, 'approve')
        expect(done.text()).to.include('You have approved it')
      }
      expect((await press(waiting, text, 'deny')).status).to.equal(409)
    })

    const changeSessions = (change: string) =>
      rows(
        server.parts.db,
        `UPDATE oidc_record SET payload = (payload::jsonb || ${change})::json
          WHERE model = 'Session' AND account_id = $1`,
        [ada.id],
      )
    const anew: [string, NonNullable<Parameters<typeof addBank>[0]>, string][] = [
      [
        'fresh',
        { default_max_age: 30 },
        `jsonb_build_object('loginTs', (payload->>'loginTs')::integer - 60)`,
      ],
      ['strong', { minimum_acr: 'urn:authcore:acr:pwd' }, `'{"acr":"urn:example:acr:guess"}'`],
    ]
    for (const [what, metadata, change] of anew) {
      it(`signs in anew for an application that wants it ${what}`, async () => {
        const careful = await addBank(metadata)
        const text = message()
        const { auth_req_id } = await begin({ binding_message: text }, careful)
        await changeSessions(change)
        const stale = await press(await page(), text, 'approve')
        await expectPending(auth_req_id, careful)
        const link = /href="([^"]*\/authorize[^"]*)"/.exec(stale.body)![1]!.replaceAll('&amp;', '&')
        const login = await alice.followAll(await alice.get(`${server.issuer}${link}`))
        const answer = await alice.submit(login, { login: ada.email, password: ada.password })
        const resume = /href="([^"]*\/interaction\/[^"]*)"/.exec(answer.body)![1]!
        const waiting = await alice.followAll(await alice.get(`${server.issuer}${resume}`))
        await press(waiting, text, 'approve')
        expectTokens(await redeem(auth_req_id, careful))
      })
    }

    it('cannot answer what has expired', async () => {
      const text = message()
      const { auth_req_id } = await begin({ binding_message: text })
      const waiting = await page()
      await rows(
        server.parts.db,
        `UPDATE oidc_record SET expires_at = now() - interval '1 second'
          WHERE model = 'BackchannelAuthenticationRequest' AND account_id = $1`,
        [ada.id],
      )
      expect((await page()).text()).not.to.include(text)
      expect((await press(waiting, text, 'approve')).status).to.equal(409)
      await expectPending(auth_req_id)
    })

    it('sees who asks and what for, escaped', async () => {
      const text = '<b>till & "1"</b>'
      await begin({ binding_message: text, scope: 'openid email' })
      const waiting = await page()
      expect(waiting.body).to.include('&lt;b&gt;till &amp; &quot;1&quot;&lt;/b&gt;')
      expect(waiting.text()).to.include('See your email address')
      expect(waiting.headers['content-security-policy']).to.include("frame-ancestors 'none'")
      expect(waiting.headers['cache-control']).to.match(/no-store/)
      await press(waiting, 'till & "1"', 'deny')
    })
  })

  describe('a request', () => {
    it('names exactly one person', async () => {
      const fields = { scope: 'openid' }
      const to = (more: Record<string, string>) =>
        post(server, '/backchannel_authentication', client, { ...fields, ...more })
      expectError(await to({}), 400, 'invalid_request')
      expectError(await to({ login_hint: '' }), 400, 'invalid_request')
      expectError(await to({ login_hint_token: 'x' }), 400, 'invalid_request')
      const two = { login_hint: ada.email, login_hint_token: 'x' }
      expectError(await to(two), 400, 'invalid_request')
    })

    it('may name the person by an ID token of the same client', async () => {
      const party = await relyingParty(server, client)
      const done = await authorize(server, party, ada, { parameters: { scope: 'openid' } })
      const { id_token } = expectTokens(await post(server, '/token', client, exchangeFields(done)))
      const named = { login_hint: '', id_token_hint: id_token! }
      expect((await ask(named)).status).to.equal(200)
      expectError(await ask(named, await addBank()), 400, 'invalid_request')
      expectError(await ask({ login_hint: '', id_token_hint: 'x.y.z' }), 400, 'invalid_request')
    })

    it('for nobody says so, alike for the unknown and the disabled, and not for long', async () => {
      const gone = await addPerson(server)
      await disableAccount(server.parts, gone.id)
      const own = await addBank()
      const answers = [
        await ask({ login_hint: gone.email }, own),
        await ask({ login_hint: 'nobody@example.test' }, own),
        await ask({ login_hint: 'no name at all' }, own),
      ]
      for (const answer of answers) {
        expectError(answer, 400, 'unknown_user_id')
        expect(answer.body).to.equal(answers[0]!.body)
      }
      let last = answers[0]!
      for (let time = 0; time < 30; time++) last = await ask({ login_hint: `n${time}` }, own)
      expectError(last, 429, 'temporarily_unavailable')
      expect(Number(last.headers['retry-after'])).to.be.within(1, 600)
      // The others go on.
      expect((await ask()).status).to.equal(200)
    })

    it('comes five times to one person, and more often only as it is approved', async () => {
      const own = await addBank()
      for (let time = 0; time < 5; time++) expect((await ask({}, own)).status).to.equal(200)
      expectError(await ask({}, own), 429, 'temporarily_unavailable')
      const refusal = (await eventsOf(server, 'auth.token.refused')).at(-1)
      expect(refusal?.data).to.include({ endpoint: 'backchannel_authentication' })
      const another = await addBank()
      expect((await ask({}, another)).status).to.equal(200)
      const carol = await addPerson(server)
      const carols = await signedIn(carol)
      for (let time = 0; time < 7; time++) {
        const text = message()
        await begin({ binding_message: text }, own, carol)
        await press(await page(carols), text, 'approve', carols)
      }
    })

    for (const [what, text] of [
      ['too long', 'x'.repeat(101)],
      ['empty', ''],
      ['of two lines', 'a\nb'],
      ['with what turns the text', 'a\u202eb'],
      ['with what cannot be seen', 'a\u200bb'],
    ] as const) {
      it(`with a binding_message that is ${what} is refused or shows none`, async () => {
        const reply = await ask({ binding_message: text })
        // RFC 6749 §3.2: a parameter without a value is left out.
        if (text === '') expect(reply.status).to.equal(200)
        else expectError(reply, 400, 'invalid_binding_message')
      })
    }

    it('with a user_code is refused: nothing would check it', async () => {
      expectError(await ask({ user_code: '1234' }), 400, 'invalid_request')
    })

    it('for a class of sign-in that nobody can reach is refused', async () => {
      expectError(await ask({ acr_values: 'urn:example:acr:hardware' }), 400, 'invalid_request')
      const shut = await addBank({ minimum_acr: 'urn:example:acr:hardware' })
      expectError(await ask({}, shut), 400, 'invalid_request')
      await begin({ acr_values: 'urn:authcore:acr:pwd' })
    })

    it('may wish for a shorter or longer life, up to ten minutes', async () => {
      expect((await begin({ requested_expiry: '30' })).expires_in).to.equal(30)
      expect((await begin({ requested_expiry: '86400' })).expires_in).to.equal(600)
      for (const wish of ['0', '-1', '1.5', 'x'])
        expectError(await ask({ requested_expiry: wish }), 400, 'invalid_request')
    })

    it('without openid is refused', async () => {
      const without = await ask({ scope: 'profile' })
      expect(without.status).to.equal(400)
    })

    it('is for clients that are registered for it and prove who they are', async () => {
      expectError(await ask({}, await addClient(server)), 400, 'invalid_request')
      expectError(
        await ask({}, { clientId: client.clientId, secret: 'wrong' }),
        401,
        'invalid_client',
      )
      const publicly = createClient(server.parts, {
        name: 'A page',
        preset: 'native',
        metadata: {
          grant_types: [CIBA],
          response_types: [],
          backchannel_token_delivery_mode: 'poll',
        },
      })
      await publicly.then(
        () => expect.fail('a public client was registered'),
        (error: Error) => expect(error.message).to.match(/ciba|native/),
      )
    })

    it('is redeemed by its own client only', async () => {
      const text = message()
      const { auth_req_id } = await begin({ binding_message: text })
      await press(await page(), text, 'approve')
      expectError(await redeem(auth_req_id, await addBank()), 400, 'invalid_grant')
      expectTokens(await redeem(auth_req_id))
    })

    it('of a client that says how it hears, or it is not registered', async () => {
      const registering: [Record<string, unknown>, RegExp][] = [
        [{ backchannel_token_delivery_mode: undefined }, /must be poll or ping/],
        [{ backchannel_token_delivery_mode: 'push' }, /poll|ping|option/i],
        [{ backchannel_token_delivery_mode: 'ping' }, /must be given for ping/],
        [
          { backchannel_client_notification_endpoint: 'https://rp.example.test/ping' },
          /has a meaning with ping only/,
        ],
        [
          {
            backchannel_token_delivery_mode: 'ping',
            backchannel_client_notification_endpoint: 'http://rp.example.test/ping',
          },
          /https/,
        ],
        [{ grant_types: ['authorization_code'] }, /with the ciba grant only/],
      ]
      for (const [metadata, fault] of registering) {
        const error = await addBank(metadata as never).then(
          () => undefined,
          (thrown: Error) => thrown,
        )
        expect(error?.message, JSON.stringify(metadata)).to.match(fault)
      }
    })
  })

  it('carries scopes of an API and authorization details (RFC 9396)', async () => {
    await createResourceServer(server.parts, {
      identifier: API,
      name: 'Example API',
      scopes: [{ name: 'read' }, { name: 'write' }],
      authorizationDetailsTypes: [
        {
          type: 'payment',
          title: 'Pay once',
          schema: { type: 'object', properties: { sum: { type: 'string', title: 'Sum' } } },
        },
      ],
    })
    await server.parts.runtime.refresh()
    const payer = await addBank({ authorization_details_types: ['payment'] })
    const text = message()
    const details = [{ type: 'payment', sum: '12 EUR' }]
    const { auth_req_id } = await begin(
      {
        scope: 'openid read',
        resource: API,
        authorization_details: JSON.stringify(details),
        binding_message: text,
      },
      payer,
    )
    const waiting = await page()
    expect(waiting.text()).to.include('Pay once').and.include('12 EUR').and.include('read')
    await press(waiting, text, 'approve')
    const tokens = expectTokens(await redeem(auth_req_id, payer))
    const claims = decodeJwt(tokens.access_token)
    expect(claims).to.include({ aud: API, scope: 'read', acr: claims['acr'] as string })
    expect(claims['authorization_details']).to.deep.equal(details)
    const wrong = { scope: 'openid', authorization_details: '[{"type":"payment","x":1}]' }
    expectError(await ask(wrong, payer), 400, 'invalid_authorization_details')
  })

  describe('twenty at once', () => {
    it('redeem an approved request once', async () => {
      const text = message()
      const { auth_req_id } = await begin({ binding_message: text })
      await press(await page(), text, 'approve')
      const answers = await atOnce(20, (gate) => redeem(auth_req_id, client, { gate }))
      const won = answers.filter(({ status }) => status === 200)
      expect(won).to.have.length(1)
      for (const answer of answers) {
        if (answer.status !== 200) expectError(answer, 400, 'invalid_grant')
      }
    })

    it('approve and deny: one of them decides, and the other is told', async () => {
      for (let round = 0; round < 3; round++) {
        await forgetLimits()
        const text = message()
        const { auth_req_id } = await begin({ binding_message: text })
        const waiting = await page()
        const before = (await eventsOf(server, 'auth.approval.answered')).length
        const answers = await atOnce(20, (gate, index) =>
          press(waiting, text, index % 2 === 0 ? 'approve' : 'deny', alice, { gate }),
        )
        // A second press of the button that decided finds its own answer.
        const agreeing = answers.filter(({ status }) => status === 200)
        expect(agreeing).to.have.length(10)
        expect(answers.filter(({ status }) => status === 409)).to.have.length(10)
        const events = await eventsOf(server, 'auth.approval.answered')
        expect(events).to.have.length(before + 1)
        expect(new Set(agreeing.map((answer) => answer.text()))).to.have.property('size', 1)
        const approved = agreeing[0]!.text().includes('You have approved it')
        const reply = await redeem(auth_req_id)
        if (approved) expectTokens(reply)
        else expectError(reply, 400, 'access_denied')
        expect(events.at(-1)!.data['outcome']).to.equal(approved ? 'approved' : 'denied')
        const grants = await rows<{ n: number }>(
          server.parts.db,
          `SELECT count(*)::integer AS n FROM oidc_record
            WHERE model = 'Grant' AND client_id = $1 AND account_id = $2
              AND created_at > now() - interval '1 minute'
              AND NOT EXISTS (SELECT 1 FROM oidc_record r
                               WHERE r.model = 'BackchannelAuthenticationRequest'
                                 AND r.grant_hash = oidc_record.id_hash)
              AND NOT EXISTS (SELECT 1 FROM oidc_record t
                               WHERE t.model IN ('AuthorizationCode', 'AccessToken')
                                 AND t.grant_hash = oidc_record.id_hash)`,
          [client.clientId, ada.id],
        )
        expect(grants[0]!.n, 'grants that nobody has').to.equal(0)
      }
    })
  })

  it('leaves no secret readable in what is stored', async () => {
    const text = message()
    const { auth_req_id } = await begin({ binding_message: text })
    const stored = await rows<{ all: string }>(
      server.parts.db,
      `SELECT string_agg(r::text, ' ') AS all FROM oidc_record r
        WHERE model = 'BackchannelAuthenticationRequest'`,
    )
    expect(stored[0]!.all).not.to.include(auth_req_id).and.not.include(text)
  })

  it('is not there where it is switched off', async () => {
    const off = await startAuthCore({ env: { AUTHCORE_CIBA: 'false' } })
    try {
      const listed = await addClient(off, {
        metadata: {
          grant_types: ['authorization_code', CIBA],
          backchannel_token_delivery_mode: 'poll',
        },
      })
      const fields = { scope: 'openid', login_hint: 'ada@example.test' }
      expect((await post(off, '/backchannel_authentication', listed, fields)).status).to.equal(404)
      expect((await browser().get(`${off.issuer}/ciba`)).status).to.equal(404)
      const own = { grant_type: CIBA, auth_req_id: 'x' }
      expectError(await post(off, '/token', listed, own), 400, 'unsupported_grant_type')
      const at = await relyingParty(off, listed)
      await authorize(off, at, await addPerson(off))
    } finally {
      await off.stop()
    }
  })
})
