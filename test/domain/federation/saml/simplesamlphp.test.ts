import { expect } from 'chai'
import type { Departure, RedirectStart } from '../../../../src/domain/federation/connector.ts'
import { readUnsolicited } from '../../../../src/domain/federation/saml/sign_in.ts'
import {
  makeLogoutRequest,
  makeLogoutResponse,
  readLogoutRequest,
  readLogoutResponse,
} from '../../../../src/domain/federation/saml/slo.ts'
import { spMetadata } from '../../../../src/domain/federation/saml/sp_metadata.ts'
import { createOutbound, type Outbound } from '../../../../src/platform/outbound/outbound.ts'
import { type Browser, browser, type Reply } from '../../../support/http.ts'
import {
  available,
  type SimpleSamlPhp,
  startSimpleSamlPhp,
} from '../../../support/simplesamlphp.ts'
import { requires } from '../../../support/skip.ts'
import { expectRefusal } from './refusals.ts'
import {
  type Connection,
  ISSUER,
  openConnection,
  type Settings,
  STRANGER,
  startWith,
} from './saml_connection.ts'

describe('sign-in at SimpleSAMLphp', function () {
  this.timeout(30_000)
  let idp: SimpleSamlPhp
  let outbound: Outbound
  const open: Connection[] = []

  before(async function () {
    requires(this, available())
    idp = await startSimpleSamlPhp()
    outbound = createOutbound(
      { allow: [new URL(idp.url).host], allowHttp: true },
      { log: { warn: () => {}, info: () => {} } },
    )
  })

  beforeEach(() => idp.configure(''))

  after(async () => {
    for (const { connector } of open) await connector.close()
    await outbound?.close()
    await idp?.stop()
  })

  function connect(changes: Settings = {}): Connection {
    const settings = { idp: { metadata_url: idp.metadataUrl }, ...changes }
    const connection = openConnection(settings, { outbound })
    open.push(connection)
    const { settings: parsed } = connection.connector.saml
    idp.trust(spMetadata({ name: 'acme', settings: parsed, issuer: ISSUER }))
    return connection
  }

  function depart(guest: Browser, departure: Departure): Promise<Reply> {
    const stop = (location: string) => location.startsWith(ISSUER)
    return departure.method === 'GET'
      ? guest.get(departure.uri).then((reply) => guest.followAll(reply, stop))
      : guest.post(departure.uri, departure.fields).then((reply) => guest.followAll(reply, stop))
  }

  /** What its page would post to us. */
  function answerIn(page: Reply): { action: string; params: Record<string, string> } {
    const form = page.forms().find(({ fields }) => fields.has('SAMLResponse'))
    if (!form) throw new Error(`no answer on ${page.url}: ${page.text().slice(0, 500)}`)
    return { action: form.action, params: Object.fromEntries(form.fields) }
  }

  async function signIn(
    { connector }: Connection,
    { start = {}, guest = browser() }: { start?: Partial<RedirectStart>; guest?: Browser } = {},
  ) {
    const full = startWith(start)
    const begun = await connector.redirect!.begin(full)
    if (begun.kind !== 'departs') throw new Error(begun.reason)
    let page = await depart(guest, begun.departure)
    const asked = page.forms().some(({ fields }) => fields.has('password'))
    if (asked) {
      page = await guest.submit(page, { username: 'student', password: 'studentpass' })
      page = await guest.followAll(page)
    }
    const { action, params } = answerIn(page)
    const result = await connector.redirect!.finish({ start: full, params, keep: begun.keep })
    return { result, asked, action, params }
  }

  it('proves the person, asked by redirect', async () => {
    const { result, action, params } = await signIn(connect())
    expect(action).to.equal(`${ISSUER}/federation/acme/callback`)
    expect(params['RelayState']).to.equal('state-of-this-request')
    if (result.kind !== 'proven') expect.fail(JSON.stringify(result))
    expect(result.person).to.deep.include({
      subject: 'student',
      username: 'student',
      email: 'student@example.test',
      groups: ['staff', 'editors'],
      claims: { name: 'Stu Dent', given_name: 'Stu', family_name: 'Dent' },
    })
    expect(result.authentication.sessionId).to.be.a('string')
    expect(JSON.parse(result.authentication.logoutHint!)).to.deep.include({
      nameId: 'student',
      spNameQualifier: `${ISSUER}/federation/acme/metadata`,
    })
  })

  it('proves the person, asked by POST, the response signed as well', async () => {
    const settings = { request_binding: 'post', want_response_signed: true }
    const { result } = await signIn(connect(settings))
    expect(result).to.have.property('kind', 'proven')
  })

  it('proves the person by an encrypted assertion', async () => {
    const connection = connect({ want_assertions_encrypted: true })
    const plain = await signIn(connection)
    expectRefusal(plain.result, { check: 'encrypted_assertion' })
    idp.configure("'assertion.encryption' => true,")
    const { result, params } = await signIn(connection)
    const xml = Buffer.from(params['SAMLResponse']!, 'base64').toString()
    expect(xml).to.include('EncryptedAssertion').and.not.to.include('student')
    expect(result).to.have.property('kind', 'proven')
  })

  it('refuses the answer a second time to another request', async () => {
    const connection = connect()
    const { params } = await signIn(connection)
    const start = startWith()
    const begun = await connection.connector.redirect!.begin(start)
    if (begun.kind !== 'departs') expect.fail('no departure')
    const { keep } = begun
    const again = await connection.connector.redirect!.finish({ start, params, keep })
    expectRefusal(again, { check: 'in_response_to' })
  })

  it('refuses what it signs by SHA-1', async () => {
    const connection = connect()
    await connection.connector.probe()
    idp.configure("'signature.algorithm' => 'http://www.w3.org/2000/09/xmldsig#rsa-sha1',")
    const { result } = await signIn(connection)
    expectRefusal(result, { check: 'signature_algorithm' })
  })

  it('asks again where a new sign-in is wanted', async () => {
    const connection = connect()
    const guest = browser()
    expect((await signIn(connection, { guest })).asked).to.equal(true)
    const second = await signIn(connection, { guest })
    expect([second.asked, second.result.kind]).to.deep.equal([false, 'proven'])
    const forced = await signIn(connection, { guest, start: { forceAuthn: true } })
    expect([forced.asked, forced.result.kind]).to.deep.equal([true, 'proven'])
  })

  it('is too weak for what was asked, and says so itself or is found out', async () => {
    const start = { acrValues: ['https://refeds.org/profile/mfa'] }
    const { result } = await signIn(connect(), { start })
    expect(result).to.deep.include({ kind: 'refused', reason: 'too_weak' })
  })

  it('does not take a request that somebody else signed', async () => {
    const connection = connect()
    const stranger = openConnection(
      { idp: { metadata_url: idp.metadataUrl }, sp_certificate: STRANGER.cert },
      { outbound, secrets: { sp_private_key: STRANGER.key } },
    )
    open.push(stranger)
    const begun = await stranger.connector.redirect!.begin(startWith())
    if (begun.kind !== 'departs') expect.fail('no departure')
    const page = await depart(browser(), begun.departure)
    expect(page.text()).to.match(/signature/i)
    expect(page.forms().some(({ fields }) => fields.has('password'))).to.equal(false)
    expect((await signIn(connection)).result.kind).to.equal('proven')
  })

  it('comes without having been asked for, where the connection takes it', async () => {
    const { connector } = connect({ idp_initiated: true, idp_initiated_client: 'portal' })
    const guest = browser()
    const query = new URLSearchParams({ spentityid: connector.saml.entityId, RelayState: '/x' })
    let page = await guest.followAll(await guest.get(`${idp.ssoUrl}?${query}`))
    page = await guest.submit(page, { username: 'student', password: 'studentpass' })
    const { params } = answerIn(await guest.followAll(page))
    const result = await readUnsolicited(connector.saml, params)
    expect(result).to.have.property('kind', 'proven')
    expect(result).to.have.nested.property('message.id').that.matches(/^_/)
  })

  describe('Single Logout', () => {
    async function signedIn() {
      const connection = connect()
      const guest = browser()
      const { result } = await signIn(connection, { guest })
      if (result.kind !== 'proven') throw new Error(JSON.stringify(result))
      const { sessionId, logoutHint } = result.authentication
      return { connection, guest, party: connection.connector.saml, sessionId, logoutHint }
    }

    it('asked by us ends the session there', async () => {
      const { connection, guest, party, sessionId, logoutHint } = await signedIn()
      const made = await makeLogoutRequest(party, {
        logoutHint: logoutHint!,
        sessionId,
        relayState: 'back',
      })
      if (made.kind !== 'departs') expect.fail(JSON.stringify(made))
      const reply = await depart(guest, made.departure)
      const query = new URL(reply.location!).search.slice(1)
      const { requestId } = made
      const read = await readLogoutResponse(party, { binding: 'redirect', query }, { requestId })
      expect(read).to.deep.equal({ kind: 'ended', partial: false, relayState: 'back' })
      expect((await signIn(connection, { guest })).asked).to.equal(true)
    })

    it('asked by them names the session that was signed in, and takes our answer', async () => {
      const { guest, party, sessionId } = await signedIn()
      const back = `${idp.url}/saml2/idp/metadata.php`
      const stop = (location: string) => location.startsWith(ISSUER)
      const ending = `${idp.url}/saml2/idp/SingleLogoutService.php?ReturnTo=${encodeURIComponent(back)}`
      const reply = await guest.followAll(await guest.get(ending), stop)
      expect(reply.location, reply.text().slice(0, 300)).to.include(party.sloUri)
      const query = new URL(reply.location!).search.slice(1)
      const asked = await readLogoutRequest(party, { binding: 'redirect', query })
      if (asked.kind !== 'asked') expect.fail(JSON.stringify(asked))
      expect(asked.name.nameId).to.equal('student')
      expect(asked.sessionIds).to.deep.equal([sessionId])
      const { requestId, relayState } = asked
      const made = await makeLogoutResponse(party, { requestId, outcome: 'ended', relayState })
      if (made.kind !== 'departs') expect.fail(JSON.stringify(made))
      const end = await depart(guest, made.departure)
      expect(end.url).to.equal(back)
    })
  })
})
