import { expect } from 'chai'
import * as oidc from 'openid-client'
import { disableAccount } from '../../src/domain/accounts/block_account.ts'
import {
  type AuthCore,
  addClient,
  addPerson,
  type Person,
  startAuthCore,
} from '../support/authcore.ts'
import { type Browser, browser, type Reply } from '../support/http.ts'
import { authorize, relyingParty } from '../support/relying_party.ts'
import {
  BEHIND_PROXY,
  enterUserCode,
  eventsOf,
  expectError,
  expectTokens,
  fromSomewhere,
  post,
  redeemDevice,
  refresh,
  rows,
  startDevice,
  type TestClient,
  userinfo,
} from './driver.ts'

describe('Device authorization (RFC 8628)', function () {
  this.timeout(30_000)
  let server: AuthCore
  let ada: Person
  let client: TestClient
  /** A browser in which Ada is signed in. */
  let alice: Browser

  before(async () => {
    server = await startAuthCore({ env: BEHIND_PROXY })
    ada = await addPerson(server)
    client = await addClient(server, { preset: 'device', name: 'The television' })
    const party = await relyingParty(server, await addClient(server, { preset: 'spa' }))
    alice = (await authorize(server, party, ada)).alice
  })
  after(() => server?.stop())

  const enter = (code: string, person = alice) => enterUserCode(server, person, code)
  const press = (page: Reply, button: string, person = alice) =>
    person.submit(page, {}, { button, headers: fromSomewhere() })
  const redeem = (code: string, who = client) => redeemDevice(server, who, code)

  /** Whether the person is done is asked more than once within five seconds here. */
  async function expectPending(code: string): Promise<void> {
    const reply = await redeem(code)
    expect(reply.status).to.equal(400)
    expect(reply.json<{ error: string }>().error).to.match(/^(authorization_pending|slow_down)$/)
  }

  /** Confirms the code, allows what is asked, and comes to the last page. */
  async function approve(code: string, person = alice): Promise<Reply> {
    let page = await person.followAll(await press(await enter(code, person), 'confirm', person))
    if (new URL(page.url).pathname.endsWith('/consent')) {
      page = await person.followAll(await person.submit(page, {}, { button: 'Allow' }))
    }
    expect(page.body, page.text()).to.include('id="device-outcome"')
    return page
  }

  it('gives the device a code of its own and one for the person', async () => {
    const reply = await post(server, '/device_authorization', client, { scope: 'openid' })
    expect(reply.headers['cache-control']).to.match(/no-store/)
    const answer = reply.json<Record<string, unknown>>()
    expect(answer['user_code']).to.match(/^[BCDFGHJKLMNPQRSTVWXZ]{4}-[BCDFGHJKLMNPQRSTVWXZ]{4}$/)
    expect(answer['device_code']).to.match(/^[\w-]{43}$/)
    expect(answer).to.include({ verification_uri: `${server.issuer}/device`, expires_in: 600 })
    expect(answer['verification_uri_complete']).to.equal(
      `${server.issuer}/device?user_code=${answer['user_code']}`,
    )
  })

  it('waits for the person, and then gives tokens once', async () => {
    const scope = 'openid profile offline_access'
    const { device_code, user_code } = await startDevice(server, client, { scope })
    await expectPending(device_code)
    const confirm = await enter(user_code)
    expect(confirm.text()).to.include('The television').and.to.include(user_code)
    await expectPending(device_code)
    await approve(user_code)
    const tokens = expectTokens(await redeem(device_code))
    expect((await userinfo(server, tokens.access_token)).json()).to.include({
      sub: ada.id,
      name: 'Ada Example',
    })
    expectTokens(await refresh(server, client, tokens.refresh_token!))
    expectError(await redeem(device_code), 400, 'invalid_grant')
    expect((await userinfo(server, tokens.access_token)).status).to.equal(401)
  })

  it('lets somebody sign in on the way who is not signed in', async () => {
    const { device_code, user_code } = await startDevice(server, client)
    const eve = browser()
    const login = await eve.followAll(await press(await enter(user_code, eve), 'confirm', eve))
    expect(new URL(login.url).pathname).to.match(/\/login$/)
    const answer = await eve.submit(login, { login: ada.email, password: ada.password })
    const consent = await eve.followAll(answer)
    await eve.followAll(await eve.submit(consent, {}, { button: 'Allow' }))
    const { access_token } = expectTokens(await redeem(device_code))
    expect((await userinfo(server, access_token)).json()).to.include({ sub: ada.id })
  })

  it('reads the code however it is typed', async () => {
    for (const typed of [
      (code: string) => code.toLowerCase(),
      (code: string) => code.replace('-', ''),
      (code: string) => ` ${code.replace('-', ' ')} `,
      (code: string) => code.split('').join(' '),
      (code: string) => code.replace('-', '–'),
    ]) {
      const { user_code } = await startDevice(server, client)
      const page = await enter(typed(user_code))
      expect(page.status, typed(user_code)).to.equal(200)
      expect(page.body).to.include('id="device-confirm-form"').and.to.include(user_code)
    }
  })

  it('reads no letter of another alphabet as one of its own', async () => {
    const { user_code } = await startDevice(server, client)
    const fullWidth = user_code.replace(/[A-Z]/g, (letter) =>
      String.fromCharCode(letter.charCodeAt(0) + 0xfee0),
    )
    for (const typed of [
      fullWidth,
      user_code.slice(0, -1),
      `${user_code}X`,
      '٠١٢٣٤٥٦٧',
      '%',
      '"><b>',
    ]) {
      const page = await enter(typed)
      expect(page.status, typed).to.equal(422)
      expect(page.body).to.include('id="device-code-form"').and.not.to.include('<b>')
    }
  })

  it('asks for a code where none is typed, and says when one is unknown', async () => {
    for (const typed of ['', '   ', 'BBBB-BBBB']) {
      expect((await enter(typed)).status).to.equal(422)
    }
  })

  it('shows who asks and never approves by a link alone', async () => {
    const started = await startDevice(server, client)
    const page = await alice.get(started.verification_uri_complete)
    expect(page.status).to.equal(200)
    await expectPending(started.device_code)
    const confirm = await alice.submit(page, {}, { headers: fromSomewhere() })
    expect(confirm.body).to.include('id="device-confirm-form"')
    expect(confirm.text()).to.include('The television').and.to.include(started.user_code)
    await expectPending(started.device_code)
    expect((await alice.get(started.verification_uri_complete)).headers['cache-control']).to.match(
      /no-store/,
    )
  })

  it('tells the device when the person says no', async () => {
    const { device_code, user_code } = await startDevice(server, client)
    const done = await press(await enter(user_code), 'abort')
    expect(done.text()).to.match(/denied|not connected|was not/i)
    expectError(await redeem(device_code), 400, 'access_denied')
    expectError(await redeem(device_code), 400, 'access_denied')
    expect((await enter(user_code)).status).to.equal(422)
  })

  it('tells the device when the person says no at the consent page', async () => {
    const other = await addClient(server, { preset: 'device' })
    const { device_code, user_code } = await startDevice(server, other)
    const consent = await alice.followAll(await press(await enter(user_code), 'confirm'))
    const denied = await alice.submit(
      consent,
      {},
      { form: ({ action }) => action.endsWith('/cancel') },
    )
    const done = await alice.followAll(denied)
    expect(done.status).to.be.below(500)
    expectError(await redeem(device_code, other), 400, 'access_denied')
    const event = (await eventsOf(server, 'auth.consent.denied')).at(-1)
    expect(event?.data).to.include({ clientId: other.clientId })
  })

  it('ends with its time, on the page and for the device', async () => {
    const { device_code, user_code } = await startDevice(server, client)
    await rows(
      server.parts.db,
      `UPDATE oidc_record SET payload = jsonb_set(payload::jsonb, '{exp}',
           to_jsonb((payload ->> 'exp')::integer - 620))::json
        WHERE model = 'DeviceCode' AND id_hash = $1`,
      [server.parts.codec.idHash(device_code)],
    )
    expectError(await redeem(device_code), 400, 'expired_token')
    expect((await enter(user_code)).status).to.equal(422)
  })

  it('lets a code be confirmed once', async () => {
    const { device_code, user_code } = await startDevice(server, client)
    const confirm = await enter(user_code)
    expect((await alice.followAll(await press(confirm, 'confirm'))).status).to.equal(200)
    expect((await enter(user_code)).status).to.equal(422)
    for (const button of ['confirm', 'abort']) {
      expect((await press(confirm, button)).status).to.be.within(400, 422)
    }
    await expectPending(device_code)
  })

  it('keeps the codes of one client from another, and from nobody’s guess', async () => {
    const { device_code, user_code } = await startDevice(server, client)
    await approve(user_code)
    const other = await addClient(server, { preset: 'device' })
    expectError(await redeem(device_code, other), 400, 'invalid_grant')
    expectError(await redeem('nobody'), 400, 'invalid_grant')
    expectError(await redeem(user_code), 400, 'invalid_grant')
    expectTokens(await redeem(device_code))
  })

  it('gives nothing to a device whose person was disabled meanwhile', async () => {
    const eve = await addPerson(server)
    const party = await relyingParty(server, await addClient(server, { preset: 'spa' }))
    const hers = (await authorize(server, party, eve)).alice
    const { device_code, user_code } = await startDevice(server, client)
    await approve(user_code, hers)
    await disableAccount(server.parts, eve.id)
    const reply = await redeem(device_code)
    expect(reply.status).to.equal(400)
    expect(reply.json<{ error: string }>().error).to.be.oneOf(['invalid_grant', 'access_denied'])
  })

  it('is only for clients that are registered for it', async () => {
    const web = await addClient(server)
    const reply = await post(server, '/device_authorization', web, { scope: 'openid' })
    expect(reply.status).to.equal(400)
    expect((await redeem('x', web)).status).to.equal(400)
    const nobody = await post(server, '/device_authorization', { clientId: 'nobody' }, {})
    expectError(nobody, 401, 'invalid_client')
  })

  it('refuses at the start what no person should be asked for', async () => {
    for (const [fields, error] of [
      [{ resource: 'https://nobody.test' }, 'invalid_target'],
      [{ scope: 'openid "x"' }, 'invalid_scope'],
      [{ claims: '{' }, 'invalid_request'],
      [{ request: 'a.b.c' }, 'invalid_request_object'],
    ] as const) {
      const reply = await post(server, '/device_authorization', client, {
        scope: 'openid',
        ...fields,
      })
      expectError(reply, 400, error)
    }
  })

  it('refuses forms that were not sent from its page', async () => {
    const { user_code, device_code } = await startDevice(server, client)
    const uri = `${server.issuer}/device`
    const page = await alice.get(uri)
    const fields = Object.fromEntries(page.forms()[0]!.fields)
    const confirm = { ...fields, user_code, confirm: 'yes' }
    const forged = [
      await alice.post(uri, { ...confirm, xsrf: 'forged' }, { headers: fromSomewhere() }),
      await alice.post(uri, { user_code, confirm: 'yes' }, { headers: fromSomewhere() }),
      await browser().post(uri, confirm, { headers: fromSomewhere() }),
    ]
    for (const reply of forged) {
      expect(reply.status).to.be.within(400, 422)
      expect(reply.body).not.to.include('id="device-outcome"')
    }
    await expectPending(device_code)
  })

  it('tells a device that asks without pause to slow down, and answers it all the same', async () => {
    const { device_code, user_code } = await startDevice(server, client)
    const errors: string[] = []
    for (let poll = 0; poll < 6; poll++) {
      errors.push((await redeem(device_code)).json<{ error: string }>().error)
    }
    expect(errors).to.deep.equal(['authorization_pending', ...Array(5).fill('slow_down')])
    await approve(user_code)
    expectTokens(await redeem(device_code))
  })

  it('is how openid-client asks, from the first question to the tokens', async () => {
    const { configuration } = await relyingParty(server, client)
    const started = await oidc.initiateDeviceAuthorization(configuration, { scope: 'openid' })
    expect(started.verification_uri_complete).to.include(started.user_code)
    const polling = oidc.pollDeviceAuthorizationGrant(configuration, started)
    await approve(started.user_code)
    expect((await polling).claims()).to.include({ sub: ada.id })
  })

  it('lets nobody guess', async () => {
    const { user_code, device_code } = await startDevice(server, client)
    const headers = fromSomewhere()
    const eve = browser({ headers })
    const page = await eve.get(`${server.issuer}/device`)
    const guess = (code: string) => eve.submit(page, { user_code: code })
    let last: Reply | undefined
    for (let attempt = 0; attempt < 31; attempt++) last = await guess('BBBB-BBBC')
    expect(last?.status).to.equal(429)
    expect(Number(last?.headers['retry-after'])).to.be.above(0)
    expect(last?.headers['content-type']).to.match(/^text\/html/)
    const right = await guess(user_code)
    expect(right.status, 'the right code after too many wrong ones').to.equal(429)
    await approve(user_code)
    expectTokens(await redeem(device_code))
  })
})
