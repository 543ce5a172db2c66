import { createHmac } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'chai'
import { signWebhook } from '../../../src/core/standard_webhooks.ts'
import { listMessages } from '../../../src/domain/messaging/message_store.ts'
import { queueMessage } from '../../../src/domain/messaging/queue_message.ts'
import { inTransaction, query } from '../../../src/platform/persistence/db.ts'
import { type AuthCore, startAuthCore } from '../../support/authcore.ts'

const SECRET = `whsec_${Buffer.alloc(32, 'hook').toString('base64')}`
const TOKEN = 'twilio-token'
const VONAGE = 'vonage-signature-secret'

describe('what providers tell about messages', function () {
  this.timeout(30_000)
  let server: AuthCore
  let provider: Server
  const posted: string[] = []

  before(async () => {
    provider = createServer((req, res) => {
      req.setEncoding('utf8').on('data', (body: string) => void posted.push(body))
      req.on('end', () => res.end('{}'))
    }).listen(0, '127.0.0.1')
    await once(provider, 'listening')
    const { port } = provider.address() as AddressInfo
    server = await startAuthCore({
      worker: true,
      env: {
        AUTHCORE_SMS_TRANSPORTS: 'hook',
        AUTHCORE_SMS_HOOK_URL: `http://127.0.0.1:${port}/sms`,
        AUTHCORE_SMS_HOOK_SECRET: SECRET,
        AUTHCORE_OUTBOUND_ALLOW: `127.0.0.1:${port}`,
        AUTHCORE_TWILIO_AUTH_TOKEN: TOKEN,
        AUTHCORE_VONAGE_SIGNATURE_SECRET: VONAGE,
      },
    })
  })
  after(async () => {
    await server?.stop()
    provider?.close()
  })

  const newest = async () =>
    (await listMessages(server.parts.db, server.parts.keyring, { limit: 1 }))[0]!
  const state = async () => (await newest()).state
  async function sentMessage(): Promise<string> {
    await inTransaction(server.parts.db, (tx) =>
      queueMessage(server.parts, tx, {
        kind: 'password_changed',
        channel: 'sms',
        recipient: '+4930123456',
        fields: {},
      }),
    )
    for (let n = 0; n < 200 && (await state()) !== 'sent'; n++) await sleep(25)
    expect(await state()).to.equal('sent')
    return (await newest()).id
  }
  const eventsOf = async (id: string) =>
    (
      await query<{ type: string }>(
        server.parts.db,
        `SELECT type FROM audit_entry WHERE data->>'messageId' = $1
         UNION ALL SELECT type FROM event_outbox WHERE data->>'messageId' = $1`,
        [id],
      )
    ).map(({ type }) => type)

  function report(body: string, headers: Record<string, string>, path = '/messages/status/hook') {
    return fetch(`${server.issuer}${path}`, { method: 'POST', body, headers })
  }
  const signed = (body: string, at = new Date()) => ({
    'content-type': 'application/json',
    ...signWebhook(SECRET, { id: 'report-1', at, body }),
  })

  it('is believed of our own program with its signature: delivered', async () => {
    const id = await sentMessage()
    expect(JSON.parse(posted.at(-1)!)).to.include({ id, to: '+4930123456' })
    const body = JSON.stringify({ id, status: 'delivered' })
    expect((await report(body, signed(body))).status).to.equal(204)
    expect(await state()).to.equal('delivered')
    expect(await eventsOf(id)).to.include('auth.message.delivered')
    const again = JSON.stringify({ id, status: 'bounced' })
    expect((await report(again, signed(again))).status).to.equal(204)
    expect(await state()).to.equal('delivered')
  })

  it('is believed of our own program: bounced', async () => {
    const id = await sentMessage()
    const body = JSON.stringify({ id, status: 'bounced' })
    await report(body, signed(body))
    expect(await state()).to.equal('bounced')
    expect(await eventsOf(id)).to.include('auth.message.bounced')
  })

  it('is not believed without a signature, with another or with an old one', async () => {
    const id = await sentMessage()
    const body = JSON.stringify({ id, status: 'bounced' })
    const json = { 'content-type': 'application/json' }
    expect((await report(body, json)).status).to.equal(401)
    expect((await report(`${body} `, signed(body))).status).to.equal(401)
    expect((await report(body, signed(body, new Date(Date.now() - 3_600_000)))).status).to.equal(
      401,
    )
    expect(await state()).to.equal('sent')
    await server.parts.recorder.flush()
    const refused = await query(
      server.parts.db,
      `SELECT FROM audit_entry WHERE type = 'auth.message.report_refused'
       UNION ALL SELECT FROM event_outbox WHERE type = 'auth.message.report_refused'`,
    )
    expect(refused).to.have.length.at.least(3)
  })

  it('changes nothing, and is no fault, where it says nothing', async () => {
    for (const body of [
      '',
      '[]',
      'null',
      '{"id":5}',
      '{"id":"x","status":"delivered"}',
      '{"status":{}}',
    ]) {
      expect((await report(body, signed(body))).status, body).to.equal(204)
    }
  })

  it('is for posts, and for the transports that can tell', async () => {
    expect((await fetch(`${server.issuer}/messages/status/hook`)).status).to.equal(405)
    expect((await report('{}', {}, '/messages/status/sns')).status).to.equal(404)
    expect((await report('{}', {}, '/messages/status/constructor')).status).to.equal(404)
    expect((await report('x'.repeat(70_000), {})).status).to.equal(413)
  })

  const takenBy = (transport: string, id: string) =>
    query(server.parts.db, 'UPDATE message SET transport = $2 WHERE id = $1', [id, transport])

  describe('by Twilio', () => {
    function twilio(id: string, status: string, change: { token?: string; sent?: string } = {}) {
      const path = `/messages/status/twilio?message=${id}`
      const fields = { MessageSid: 'SM1', MessageStatus: status, AccountSid: 'AC1' }
      const text = Object.entries(fields)
        .sort()
        .map((pair) => pair.join(''))
        .join('')
      const signature = createHmac('sha1', change.token ?? TOKEN)
        .update(`${server.issuer}${path}${text}`)
        .digest('base64')
      const body = new URLSearchParams({
        ...fields,
        MessageStatus: change.sent ?? status,
      }).toString()
      return report(
        body,
        { 'content-type': 'application/x-www-form-urlencoded', 'x-twilio-signature': signature },
        path,
      )
    }
    it('is believed with its signature, at the end of a message only', async () => {
      const id = await sentMessage()
      await takenBy('twilio', id)
      expect((await twilio(id, 'queued')).status).to.equal(204)
      expect(await state()).to.equal('sent')
      expect((await twilio(id, 'undelivered')).status).to.equal(204)
      expect(await state()).to.equal('bounced')
    })

    it('is not believed where anything differs from what was signed', async () => {
      const id = await sentMessage()
      await takenBy('twilio', id)
      expect((await twilio(id, 'queued', { sent: 'delivered' })).status).to.equal(401)
      expect((await twilio(id, 'delivered', { token: 'another' })).status).to.equal(401)
      expect(await state()).to.equal('sent')
    })

    it('says nothing about a message that another transport took', async () => {
      const id = await sentMessage()
      expect((await twilio(id, 'delivered')).status).to.equal(204)
      expect(await state()).to.equal('sent')
    })
  })

  describe('by Vonage', () => {
    type Change = {
      secret?: string
      digest?: string
      ageS?: number
      after?: Record<string, string>
      json?: boolean
    }
    function vonage(id: string, status: string, change: Change = {}) {
      const { secret = VONAGE, digest = 'sha256', ageS = 0, after = {}, json = false } = change
      const fields: Record<string, string> = {
        status,
        msisdn: '4930123456',
        'client-ref': id,
        'err-code': '0',
        'message-timestamp': '2026-11-27 10:00:00',
        nonce: 'a&b=c',
        timestamp: String(Math.floor(Date.now() / 1000) - ageS),
      }
      const text = Object.keys(fields)
        .sort()
        .map((name) => `&${name}=${fields[name]!.replaceAll(/[&=]/g, '_')}`)
        .join('')
      const sig = createHmac(digest, secret).update(text).digest('hex').toUpperCase()
      const sent = { ...fields, sig, ...after }
      const type = json ? 'application/json' : 'application/x-www-form-urlencoded'
      const body = json ? JSON.stringify(sent) : new URLSearchParams(sent).toString()
      return report(body, { 'content-type': type }, '/messages/status/vonage')
    }

    for (const json of [false, true]) {
      it(`is believed with its signature, as ${json ? 'JSON' : 'a form'}`, async () => {
        const id = await sentMessage()
        await takenBy('vonage', id)
        for (const status of ['accepted', 'buffered', 'unknown', 'constructor']) {
          expect((await vonage(id, status, { json })).status).to.equal(204)
        }
        expect(await state()).to.equal('sent')
        expect((await vonage(id, 'delivered', { json, digest: 'sha512' })).status).to.equal(204)
        expect(await state()).to.equal('delivered')
      })
    }

    it('tells of a number that cannot be reached', async () => {
      for (const status of ['failed', 'expired', 'rejected']) {
        const id = await sentMessage()
        await takenBy('vonage', id)
        expect((await vonage(id, status)).status).to.equal(204)
        expect(await state(), status).to.equal('bounced')
      }
    })

    it('is not believed where anything differs, is old, or is hashed weakly', async () => {
      const id = await sentMessage()
      await takenBy('vonage', id)
      const changes: Change[] = [
        { secret: 'another' },
        { after: { status: 'failed' } },
        { after: { sig: '' } },
        { after: { further: 'field' } },
        { ageS: 3 * 86_400 },
        { ageS: -3 * 86_400 },
        { digest: 'md5' },
        { digest: 'sha1' },
      ]
      for (const change of changes) {
        const reply = await vonage(id, 'delivered', change)
        expect(reply.status, JSON.stringify(change)).to.equal(401)
      }
      expect(await state()).to.equal('sent')
    })

    it('says nothing about a message that another transport took', async () => {
      const id = await sentMessage()
      expect((await vonage(id, 'delivered')).status).to.equal(204)
      expect(await state()).to.equal('sent')
    })
  })
})
