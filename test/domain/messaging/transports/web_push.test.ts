import { createECDH } from 'node:crypto'
import { expect } from 'chai'
import type { PushSubscription } from '../../../../src/domain/messaging/push/push_subscription.ts'
import { deriveVapidKey } from '../../../../src/domain/messaging/push/vapid_key.ts'
import type { Outgoing } from '../../../../src/domain/messaging/transports/transport.ts'
import { createWebPush } from '../../../../src/domain/messaging/transports/web_push.ts'
import { createKeyring } from '../../../../src/platform/keys/keyring.ts'
import { closeAll, makeOutbound, onCleanup } from '../../../platform/outbound/support.ts'
import { openPushed, type Subscription, startPushService } from '../../../support/push_service.ts'
import { keyring, movableClock } from '../../domain_database.ts'
import { ID, NEVER } from '../outgoing.ts'

const TO = '019abcde-0000-7000-8000-000000000002'

function notice(change: Partial<Outgoing> = {}): Outgoing {
  return {
    id: ID,
    kind: 'new_device',
    to: TO,
    subject: 'New sign-in – 例',
    text: 'Firefox, Linux',
    uri: 'https://login.example.test/account/sessions',
    ...change,
  }
}

const clock = movableClock()

describe('a push message', () => {
  afterEach(closeAll)

  async function open({ allowed = true, known = true } = {}) {
    const service = await startPushService()
    onCleanup(() => service.stop())
    const browser = service.subscribe()
    const policy = { allow: allowed ? [service.host] : [], ca: service.ca }
    const forgotten: string[] = []
    const transport = createWebPush({
      request: makeOutbound(policy).outbound.request,
      clock,
      key: () => deriveVapidKey(keyring),
      contact: 'mailto:operator@example.test',
      find: async (id) => (known && id === TO ? flat(browser) : undefined),
      forget: async (endpoint) => void forgotten.push(endpoint),
    })
    return { service, browser, transport, forgotten }
  }

  it('is for one browser, signed with the key that it was subscribed for', async () => {
    const { service, browser, transport } = await open()
    expect(transport).to.include({ name: 'web_push', channel: 'push' })
    expect(await transport.send(notice(), NEVER)).to.deep.equal({ kind: 'accepted' })
    const { headers, ...pushed } = await service.next(browser)
    expect(pushed).to.deep.equal({
      title: 'New sign-in – 例',
      body: 'Firefox, Linux',
      uri: 'https://login.example.test/account/sessions',
      tag: ID,
      contact: 'mailto:operator@example.test',
      key: deriveVapidKey(keyring).publicKey,
      endpoint: browser.endpoint,
    })
    expect(headers).to.include({
      ttl: String(3 * 86_400),
      urgency: 'high',
      topic: ID.replaceAll('-', ''),
      'content-encoding': 'aes128gcm',
    })
  })

  it('takes its time where nothing is urgent, and is cut where it is long', async () => {
    const { service, browser, transport } = await open()
    await transport.send(notice({ kind: 'password_changed', text: '例'.repeat(5_000) }), NEVER)
    const { body, headers } = await service.next(browser)
    expect(body).to.have.length(500)
    expect(headers['urgency']).to.equal('normal')
  })

  it('is kept for the browser no longer than it is worth reading', async () => {
    const { service, browser, transport } = await open()
    const expiresAt = new Date(clock.now().getTime() + 90_500)
    await transport.send(notice({ expiresAt }), NEVER)
    expect((await service.next(browser)).headers['ttl']).to.equal('90')
  })

  it('tells nobody how long it is', async () => {
    const { service, transport } = await open()
    await transport.send(notice({ text: '1' }), NEVER)
    await transport.send(notice({ text: '1'.repeat(400) }), NEVER)
    const lengths = service.received.map(({ headers }) => headers['content-length'])
    expect(lengths[0]).to.equal(lengths[1])
  })

  it('is not tried again where the browser is gone, and the browser forgotten', async () => {
    const { service, browser, transport, forgotten } = await open()
    for (const status of [404, 410]) {
      service.answer(status)
      const outcome = await transport.send(notice(), NEVER)
      expect(outcome.kind, String(status)).to.equal('rejected')
    }
    expect(forgotten).to.deep.equal([browser.endpoint, browser.endpoint])
  })

  it('is tried again where the service cannot, and not where it will not', async () => {
    const { service, transport, forgotten } = await open()
    for (const [status, kind] of [
      [400, 'rejected'],
      [413, 'rejected'],
      [401, 'unavailable'],
      [403, 'unavailable'],
      [429, 'unavailable'],
      [500, 'unavailable'],
      [302, 'unavailable'],
    ] as const) {
      service.answer(status)
      const outcome = await transport.send(notice(), NEVER)
      expect(outcome.kind, String(status)).to.equal(kind)
    }
    expect(forgotten).to.deep.equal([])
  })

  it('goes to nobody who is signed out, and nowhere that outgoing calls may not go', async () => {
    const gone = await open({ known: false })
    expect((await gone.transport.send(notice(), NEVER)).kind).to.equal('rejected')
    const closed = await open({ allowed: false })
    expect((await closed.transport.send(notice(), NEVER)).kind).to.equal('unavailable')
    expect([...gone.service.received, ...closed.service.received]).to.deep.equal([])
  })
})

describe('the key of push messages', () => {
  it('is the same in every process, and another one with another secret', () => {
    expect(deriveVapidKey(keyring)).to.deep.equal(deriveVapidKey(keyring))
    const other = createKeyring({
      encryptionKeys: [{ id: 'k1', key: Buffer.alloc(32, 'encryption') }],
      hashKey: Buffer.alloc(32, 'another'),
    })
    expect(deriveVapidKey(other).publicKey).not.to.equal(deriveVapidKey(keyring).publicKey)
  })

  it('is a pair on P-256', () => {
    const { publicKey, privateKey } = deriveVapidKey(keyring)
    const ecdh = createECDH('prime256v1')
    ecdh.setPrivateKey(privateKey, 'base64url')
    expect(ecdh.getPublicKey().toString('base64url')).to.equal(publicKey)
  })
})

describe('the push service of the tests', () => {
  it('opens the example of RFC 8291 §5', () => {
    const ecdh = createECDH('prime256v1')
    ecdh.setPrivateKey('q1dXpw3UpT5VOmu_cf_v6ih07Aems3njxI-JWgLcM94', 'base64url')
    const auth = Buffer.from('BTBZMqHH6r4Tts7J_aSIgg', 'base64url')
    const body = Buffer.from(
      'DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLoc' +
        'InmYWAmS6TlzAC8wEqKK6PBru3jl7A_yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWG' +
        'NWQexSgSxsj_Qulcy4a-fN',
      'base64url',
    )
    expect(openPushed({ ecdh, auth }, body).toString()).to.equal(
      'When I grow up, I want to be a watermelon',
    )
  })
})

function flat({ endpoint, keys }: Subscription): PushSubscription {
  return { endpoint, ...keys }
}
