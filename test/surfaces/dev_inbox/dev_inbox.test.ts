import { expect } from 'chai'
import * as oidc from 'openid-client'
import { createSecurityNotices } from '../../../src/domain/messaging/security_notices.ts'
import { deviceWordsOf } from '../../../src/domain/sessions/device_name.ts'
import { relayBatch } from '../../../src/platform/events/relay.ts'
import {
  type AuthCore,
  addClient,
  addPerson,
  type Person,
  startAuthCore,
} from '../../support/authcore.ts'
import { browser } from '../../support/http.ts'
import { authorize, relyingParty } from '../../support/relying_party.ts'

describe('The development inbox', function () {
  this.timeout(30_000)
  let server: AuthCore
  let ada: Person
  before(async () => {
    server = await startAuthCore()
    ada = await addPerson(server)
  })
  after(() => server?.stop())

  const inbox = async () => (await browser().get(`${server.issuer}/dev/inbox`)).text()

  it('is empty at first', async () => {
    expect(await inbox()).to.contain('Nothing has arrived yet.')
  })

  it('tells the person whose used code came back, once', async () => {
    const party = await relyingParty(server, await addClient(server, { name: 'Lantern Books' }))
    const { callback, checks } = await authorize(server, party, ada)
    const redeem = () => oidc.authorizationCodeGrant(party.configuration, callback, checks)
    await redeem()
    await redeem().catch(() => {})
    await server.parts.recorder.flush()
    const approvalsUri = `${server.issuer}/ciba`
    const notices = createSecurityNotices({
      ...server.parts,
      channels: new Set(['email'] as const),
      approvalsUri,
      accountUri: `${server.issuer}/account`,
      sessionsUri: `${server.issuer}/account/sessions`,
      deviceName: deviceWordsOf,
      placeOf: () => undefined,
      titleOf: async (name) => name,
      tellsOfNewDevices: true,
      keepsNotices: true,
    })
    while ((await relayBatch(server.parts.db, [notices])) > 0);
    const text = await inbox()
    expect(text).to.contain('Your sign-in to Lantern Books was ended').and.to.contain(ada.email)
    expect(text.split('was ended').length, text).to.equal(2)
  })
})
