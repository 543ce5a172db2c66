import { createHmac, generateKeyPairSync, sign } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'chai'
import { findMessage } from '../../../src/domain/messaging/message_store.ts'
import { queueMessage } from '../../../src/domain/messaging/queue_message.ts'
import { TRY_EVERY_S } from '../../../src/domain/messaging/undeliverable.ts'
import { inTransaction, query } from '../../../src/platform/persistence/db.ts'
import { movableClock } from '../../domain/domain_database.ts'
import { type AuthCore, startAuthCore } from '../../support/authcore.ts'

const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' })
const WAITING: ReadonlySet<string> = new Set(['queued', 'sending'])
const MAILGUN = 'mailgun-signing-key'

describe('what providers tell about mail', function () {
  this.timeout(60_000)
  let server: AuthCore
  const clock = movableClock(new Date())
  before(async () => {
    server = await startAuthCore({
      worker: true,
      clock,
      env: {
        AUTHCORE_SENDGRID_WEBHOOK_KEY: publicKey
          .export({ format: 'der', type: 'spki' })
          .toString('base64'),
        AUTHCORE_MAILGUN_SIGNING_KEY: MAILGUN,
      },
    })
  })
  after(() => server?.stop())

  const find = (id: string) => findMessage(server.parts.db, server.parts.keyring, { id })
  const stateOf = async (id: string) => (await find(id))!.state

  let addresses = 0
  const newAddress = () => `Reader${++addresses}@Example.test`

  /** Queued, and done with. */
  async function message(
    recipient: string,
    kind: 'password_changed' | 'sign_in_code' = 'password_changed',
  ): Promise<string> {
    const fields = kind === 'sign_in_code' ? { code: '123456' } : {}
    await inTransaction(server.parts.db, (tx) =>
      queueMessage(server.parts, tx, { kind, recipient, fields } as never),
    )
    const [row] = await query<{ id: string }>(
      server.parts.db,
      'SELECT id FROM message WHERE recipient = $1 ORDER BY id DESC LIMIT 1',
      [recipient],
    )
    for (let n = 0; n < 400 && WAITING.has(await stateOf(row!.id)); n++) await sleep(25)
    expect(WAITING.has(await stateOf(row!.id))).to.equal(false)
    return row!.id
  }
  const failureOf = async (id: string) =>
    (
      await query<{ failure: string | null }>(
        server.parts.db,
        'SELECT failure FROM message WHERE id = $1',
        [id],
      )
    )[0]!.failure
  const eventsOf = async (id: string) =>
    (
      await query<{ type: string }>(
        server.parts.db,
        `SELECT type FROM audit_entry WHERE data->>'messageId' = $1
         UNION SELECT type FROM event_outbox WHERE data->>'messageId' = $1`,
        [id],
      )
    ).map(({ type }) => type.replace('auth.message.', ''))

  function post(provider: string, body: string, headers: Record<string, string> = {}) {
    const type = { 'content-type': 'application/json' }
    return fetch(`${server.issuer}/messages/status/${provider}`, {
      method: 'POST',
      body,
      headers: { ...type, ...headers },
    })
  }
  const nowS = () => String(Math.floor(clock.now().getTime() / 1000))

  function sendgrid(events: object[], change: { at?: string; posted?: string } = {}) {
    const body = JSON.stringify(events)
    const at = change.at ?? nowS()
    const signature = sign('sha256', Buffer.from(at + body), privateKey).toString('base64')
    return post('sendgrid', change.posted ?? body, {
      'X-Twilio-Email-Event-Webhook-Signature': signature,
      'X-Twilio-Email-Event-Webhook-Timestamp': at,
    })
  }
  const bounceOf = (id: string, type = 'bounce') => ({
    event: 'bounce',
    type,
    'smtp-id': `<${id}@example.com>`,
    email: 'somebody.else@example.test',
  })

  let tokens = 0
  function mailgun(
    event: object,
    change: { token?: string; at?: string; signature?: string; key?: string } = {},
  ) {
    const token = change.token ?? `token-of-mailgun-${++tokens}`
    const timestamp = change.at ?? nowS()
    const signature =
      change.signature ??
      createHmac('sha256', change.key ?? MAILGUN)
        .update(timestamp + token)
        .digest('hex')
    return post(
      'mailgun',
      JSON.stringify({ signature: { token, timestamp, signature }, 'event-data': event }),
    )
  }
  const failedOf = (id: string, more: object = { severity: 'permanent', reason: 'bounce' }) => ({
    event: 'failed',
    message: { headers: { 'message-id': `${id}@example.com` } },
    ...more,
  })

  describe('SendGrid', () => {
    it('is believed with its signature, and a hard bounce keeps further mail back', async () => {
      const to = newAddress()
      const id = await message(to)
      expect((await sendgrid([{ event: 'processed' }, bounceOf(id)])).status).to.equal(204)
      expect(await stateOf(id)).to.equal('bounced')
      expect(await eventsOf(id)).to.include.members(['bounced', 'address_suppressed'])
      const next = await message(to.toLowerCase())
      expect([await stateOf(next), await failureOf(next)]).to.deep.equal(['failed', 'suppressed'])
      expect(await eventsOf(next)).to.deep.equal(['suppressed'])
      expect(await server.parts.metrics.scrape()).to.match(
        /authcore_messages_total\{kind="password_changed",transport="none",outcome="suppressed"\} \d/,
      )
    })

    it('finds the message by the argument that our mails carry', async () => {
      const id = await message(newAddress())
      const event = { event: 'delivered', authcore_message: id }
      expect((await sendgrid([event])).status).to.equal(204)
      expect(await stateOf(id)).to.equal('delivered')
    })

    it('says nothing of the address a report names, only of the one we wrote to', async () => {
      const id = await message(newAddress())
      await sendgrid([bounceOf(id)])
      const other = await message('somebody.else@example.test')
      expect(await stateOf(other)).to.equal('sent')
    })

    it('keeps nothing back for a refusal of the moment', async () => {
      const to = newAddress()
      const id = await message(to)
      expect((await sendgrid([bounceOf(id, 'blocked')])).status).to.equal(204)
      expect(await stateOf(id)).to.equal('bounced')
      expect(await stateOf(await message(to))).to.equal('sent')
    })

    it('keeps mail back from whoever called it a nuisance, though it was delivered', async () => {
      const to = newAddress()
      const id = await message(to)
      await sendgrid([{ event: 'delivered', authcore_message: id }])
      await sendgrid([{ event: 'spamreport', authcore_message: id }])
      expect(await stateOf(id)).to.equal('delivered')
      expect(await failureOf(await message(to))).to.equal('suppressed')
    })

    it('is not believed with another body, another time, or none of it', async () => {
      const to = newAddress()
      const id = await message(to)
      const other = JSON.stringify([{ event: 'spamreport', authcore_message: id }])
      expect((await sendgrid([], { posted: other })).status).to.equal(401)
      const old = String(Number(nowS()) - 3 * 86_400)
      expect((await sendgrid([bounceOf(id)], { at: old })).status).to.equal(401)
      expect((await post('sendgrid', JSON.stringify([bounceOf(id)]))).status).to.equal(401)
      expect(await stateOf(id)).to.equal('sent')
      expect(await stateOf(await message(to))).to.equal('sent')
    })

    it('changes nothing, and is no fault, where it says nothing', async () => {
      for (const events of [[], [null], [5], [{ event: 'bounce', type: 'bounce' }], [{}]]) {
        expect((await sendgrid(events as object[])).status).to.equal(204)
      }
    })
  })

  describe('Mailgun', () => {
    it('is believed with its signature, and a hard bounce keeps further mail back', async () => {
      const to = newAddress()
      const id = await message(to)
      expect((await mailgun(failedOf(id))).status).to.equal(204)
      expect(await stateOf(id)).to.equal('bounced')
      expect(await failureOf(await message(to))).to.equal('suppressed')
    })

    it('keeps nothing back for what may pass, or only took too long', async () => {
      const to = newAddress()
      const id = await message(to)
      await mailgun(failedOf(id, { severity: 'temporary', reason: 'generic' }))
      expect(await stateOf(id)).to.equal('sent')
      await mailgun(failedOf(id, { severity: 'permanent', reason: 'old' }))
      expect(await stateOf(id)).to.equal('bounced')
      expect(await stateOf(await message(to))).to.equal('sent')
    })

    it('believes one report for each token: its signature does not cover the event', async () => {
      const to = newAddress()
      const id = await message(to)
      const token = 'a-token-that-somebody-saw'
      expect((await mailgun({ event: 'opened' }, { token })).status).to.equal(204)
      expect((await mailgun(failedOf(id), { token })).status).to.equal(204)
      expect(await stateOf(id)).to.equal('sent')
      expect(await stateOf(await message(to))).to.equal('sent')
    })

    it('is not believed with another key, an old time, or without a signature', async () => {
      const id = await message(newAddress())
      expect((await mailgun(failedOf(id), { key: 'another' })).status).to.equal(401)
      expect((await mailgun(failedOf(id), { signature: '' })).status).to.equal(401)
      const old = String(Number(nowS()) - 13 * 3_600)
      expect((await mailgun(failedOf(id), { at: old })).status).to.equal(401)
      for (const body of ['', 'null', '[]', '{"signature":5}']) {
        expect((await post('mailgun', body)).status, body).to.equal(401)
      }
      expect(await stateOf(id)).to.equal('sent')
    })
  })

  it('is not believed of a provider that is not in use, and no address is made for others', async () => {
    expect(
      (await post('ses', '{"TopicArn":"arn:aws:sns:eu-central-1:123456789012:mail"}')).status,
    ).to.equal(401)
    expect((await post('postmark', '{}')).status).to.equal(404)
  })

  describe('an address that is kept back', () => {
    it('still gets what proves it, once an hour, so that nobody is locked out', async () => {
      const to = newAddress()
      await mailgun(failedOf(await message(to)))
      expect(await failureOf(await message(to, 'sign_in_code'))).to.equal('suppressed')
      clock.advance(TRY_EVERY_S + 1)
      expect(await stateOf(await message(to, 'sign_in_code'))).to.equal('sent')
      expect(await failureOf(await message(to, 'sign_in_code'))).to.equal('suppressed')
      expect(await failureOf(await message(to))).to.equal('suppressed')
    })

    it('counts a message once, whoever repeats its report after it was allowed', async () => {
      const to = newAddress()
      const id = await message(to)
      await sendgrid([bounceOf(id)])
      await query(server.parts.db, 'DELETE FROM undeliverable_address')
      await sendgrid([bounceOf(id)])
      expect(await stateOf(await message(to))).to.equal('sent')
    })
  })
})
