import { expect } from 'chai'
import { PASSWORD_ACR } from '../../../../src/domain/authentication/assurance.ts'
import type { RedirectStart } from '../../../../src/domain/federation/connector.ts'
import {
  isOidcConnector,
  type OidcConnector,
} from '../../../../src/domain/federation/oidc/oidc_connector.ts'
import { oidcKind } from '../../../../src/domain/federation/oidc/oidc_kind.ts'
import { createOutbound, type Outbound } from '../../../../src/platform/outbound/outbound.ts'
import { depart, startOf } from '../../../suites/redirect_connector.ts'
import {
  type AuthCore,
  addClient,
  addPerson,
  type Person,
  startAuthCore,
} from '../../../support/authcore.ts'
import { type Browser, browser } from '../../../support/http.ts'
import { type LogoutReceiver, startLogoutReceiver } from '../../../support/logout_receiver.ts'
import { goThrough } from '../../../support/relying_party.ts'
import { callbackOf, connectorDeps, settingsOf } from '../support.ts'

/** What goes on between two AuthCores beside the sign-in itself. */

const LOGGED_OUT = 'https://auth.example.test/logged-out'

describe('AuthCore in front of AuthCore', function () {
  this.timeout(60_000)
  let upstream: AuthCore
  let receiver: LogoutReceiver
  let outbound: Outbound
  let connector: OidcConnector
  let ada: Person
  before(async () => {
    receiver = await startLogoutReceiver()
    upstream = await startAuthCore({
      worker: true,
      env: { AUTHCORE_OUTBOUND_ALLOW: receiver.address },
    })
    ada = await addPerson(upstream)
    const { clientId, secret } = await addClient(upstream, {
      metadata: {
        redirect_uris: [callbackOf('upstream')],
        post_logout_redirect_uris: [LOGGED_OUT],
        backchannel_logout_uri: receiver.uri,
        backchannel_logout_session_required: true,
      },
    })
    const log = { warn: () => {}, info: () => {} }
    outbound = createOutbound({ allow: [new URL(upstream.issuer).host] }, { log })
    const settings = settingsOf(oidcKind, {
      issuer: upstream.issuer,
      client_id: clientId,
      scopes: ['openid', 'profile', 'email', 'offline_access'],
      authorization_parameters: {
        prompt: 'consent',
        claims: JSON.stringify({ id_token: { amr: null } }),
      },
      keep_tokens: true,
    })
    const secrets = { client_secret: secret! }
    const opened = oidcKind.open({ name: 'upstream', settings, secrets }, connectorDeps(outbound))
    if (!isOidcConnector(opened)) throw new Error('no connector by OpenID Connect')
    connector = opened
  })
  after(async () => {
    await outbound?.close()
    await upstream?.stop()
    receiver?.stop()
  })

  async function signIn(alice: Browser, start: Partial<RedirectStart> = {}) {
    const left = await depart(connector, startOf(callbackOf('upstream'), start))
    const page = await alice.get(left.departure.uri)
    const { searchParams } = await goThrough(alice, page, ada, upstream.issuer)
    const params = Object.fromEntries(searchParams)
    const result = await connector.redirect.finish({ ...left, params })
    if (result.kind !== 'proven') throw new Error(JSON.stringify(result))
    return result.authentication
  }

  it('is shown a fresh sign-in where it asks for one', async () => {
    const alice = browser()
    await signIn(alice)
    const { at } = await signIn(alice, { forceAuthn: true })
    expect(Date.now() - at!.getTime()).to.be.within(-1000, 30_000)
  })

  it('is told the acr that it asks for, and the methods', async () => {
    const { acr, amr } = await signIn(browser(), { acrValues: [PASSWORD_ACR] })
    expect(acr).to.equal(PASSWORD_ACR)
    expect(amr).to.include('pwd')
  })

  it('refreshes the tokens that it keeps', async () => {
    const { tokens } = await signIn(browser())
    const input = { refreshToken: tokens!.refreshToken!, subject: ada.id }
    const refreshed = await connector.refreshTokens(input)
    expect(refreshed).to.have.nested.property('tokens.accessToken').not.equal(tokens!.accessToken)
    const forged = { ...input, refreshToken: 'never given' }
    expect((await connector.refreshTokens(forged)).kind).to.equal('refused')
  })

  it('ends the session there, and hears of it', async () => {
    const alice = browser()
    const { logoutHint, sessionId } = await signIn(alice)
    const uri = await connector.oidc.endSessionUri({
      idTokenHint: logoutHint,
      postLogoutRedirectUri: LOGGED_OUT,
      state: 'back',
    })
    const page = await alice.followAll(await alice.get(uri!))
    const answer = await alice.submit(page, {}, { button: 'logout' })
    const back = await alice.followAll(answer, (location) => location.startsWith(LOGGED_OUT))
    expect(back.location).to.equal(`${LOGGED_OUT}?state=back`)

    const told = await connector.oidc.verifyLogoutToken(await receiver.next())
    expect(told).to.include({ kind: 'valid' })
    expect(told).to.have.nested.property('logout.sessionId', sessionId)
    expect(sessionId).to.be.a('string').and.not.equal('')
  })
})
