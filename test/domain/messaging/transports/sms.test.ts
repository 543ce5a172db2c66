import { createHash, createHmac } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'
import { expect } from 'chai'
import { isSignedWebhook, type WebhookHeaders } from '../../../../src/core/standard_webhooks.ts'
import type { Request } from '../../../../src/domain/messaging/transports/http_transport.ts'
import { createInbox } from '../../../../src/domain/messaging/transports/inbox.ts'
import { createSmsHook } from '../../../../src/domain/messaging/transports/sms_hook.ts'
import { createSns } from '../../../../src/domain/messaging/transports/sns.ts'
import type { Transport } from '../../../../src/domain/messaging/transports/transport.ts'
import {
  createTwilio,
  isSignedByTwilio,
} from '../../../../src/domain/messaging/transports/twilio.ts'
import { createVonage } from '../../../../src/domain/messaging/transports/vonage.ts'
import { closeAll, makeOutbound, serve } from '../../../platform/outbound/support.ts'
import { movableClock } from '../../domain_database.ts'
import { ID, NEVER, smsTo } from '../outgoing.ts'

const NUMBER = '+4930123456'
const HOOK_SECRET = `whsec_${Buffer.alloc(32, 'hook').toString('base64')}`
const clock = movableClock(new Date())

type Received = { method: string; url: string; headers: IncomingHttpHeaders; body: string }
type Provider = {
  name: string
  make(request: Request, baseUrl: string): Transport
  /** What the provider answers to what it takes, and calls it. */
  taken: string
  providerId: string | undefined
  /** What it answers, with status 200, where it does not take it; not every one does. */
  refused?: [answer: string, kind: 'rejected' | 'unavailable'][]
  check(received: Received): void
}

const PROVIDERS: Provider[] = [
  {
    name: 'hook',
    make: (request, baseUrl) =>
      createSmsHook({ request, clock, url: `${baseUrl}/sms`, secret: HOOK_SECRET }),
    taken: '{"id":"own-1"}',
    providerId: 'own-1',
    check({ url, headers, body }) {
      expect(url).to.equal('/sms')
      const given = headers as unknown as WebhookHeaders
      expect(given['webhook-id']).to.equal(ID)
      expect(isSignedWebhook(HOOK_SECRET, { headers: given, body, now: clock.now() })).to.equal(
        true,
      )
      const { id, kind, to, text } = smsTo(NUMBER)
      expect(JSON.parse(body)).to.deep.equal({ id, kind, to, text })
    },
  },
  {
    name: 'twilio',
    make: (request, baseUrl) =>
      createTwilio({
        request,
        accountSid: 'AC123',
        authToken: 'token',
        from: '+15550001111',
        statusUri: (id) => `https://login.example.test/messages/status/twilio?message=${id}`,
        baseUrl,
      }),
    taken: '{"sid":"SM123","status":"queued"}',
    providerId: 'SM123',
    check({ url, headers, body }) {
      expect(url).to.equal('/2010-04-01/Accounts/AC123/Messages.json')
      expect(headers.authorization).to.equal(
        `Basic ${Buffer.from('AC123:token').toString('base64')}`,
      )
      expect(Object.fromEntries(new URLSearchParams(body))).to.deep.equal({
        To: NUMBER,
        From: '+15550001111',
        Body: smsTo(NUMBER).text,
        StatusCallback: `https://login.example.test/messages/status/twilio?message=${ID}`,
      })
    },
  },
  {
    name: 'vonage',
    make: (request, baseUrl) =>
      createVonage({
        request,
        apiKey: 'key',
        apiSecret: 'secret',
        from: 'Example',
        statusUri: 'https://login.example.test/messages/status/vonage',
        baseUrl,
      }),
    taken: '{"messages":[{"status":"0","message-id":"V1"}]}',
    providerId: 'V1',
    refused: [
      ['{"messages":[{"status":"6","error-text":"Unroutable +4930123456"}]}', 'rejected'],
      ['{"messages":[{"status":"1","error-text":"Throttled"}]}', 'unavailable'],
      ['{"messages":[{"status":"4","error-text":"Invalid credentials"}]}', 'unavailable'],
      ['{"messages":[]}', 'unavailable'],
      ['<html>', 'unavailable'],
    ],
    check({ url, body }) {
      expect(url).to.equal('/sms/json')
      expect(Object.fromEntries(new URLSearchParams(body))).to.include({
        to: NUMBER.slice(1),
        from: 'Example',
        text: smsTo(NUMBER).text,
        'client-ref': ID,
        callback: 'https://login.example.test/messages/status/vonage',
      })
    },
  },
  {
    name: 'sns',
    make: (request, baseUrl) =>
      createSns({
        request,
        region: 'eu-central-1',
        accessKeyId: 'AKID',
        secretAccessKey: 'secret',
        from: 'Example',
        baseUrl,
      }),
    taken:
      '<PublishResponse><PublishResult><MessageId>sns-1</MessageId></PublishResult></PublishResponse>',
    providerId: 'sns-1',
    check({ headers, body }) {
      expect(Object.fromEntries(new URLSearchParams(body))).to.include({
        Action: 'Publish',
        PhoneNumber: NUMBER,
        Message: smsTo(NUMBER).text,
        'MessageAttributes.entry.2.Value.StringValue': 'Example',
      })
      expect(headers.authorization).to.equal(sigV4(headers, body))
    },
  },
]

/** Signature Version 4 as Amazon documents it, written anew. */
function sigV4(headers: IncomingHttpHeaders, body: string): string {
  const hmac = (key: string | Buffer, text: string) =>
    createHmac('sha256', key).update(text).digest()
  const sha = (text: string) => createHash('sha256').update(text).digest('hex')
  const date = String(headers['x-amz-date'])
  const signed = /SignedHeaders=([^,]+)/.exec(String(headers.authorization))![1]!
  const canonical = signed.split(';').map((name) => `${name}:${headers[name]}\n`)
  const request = ['POST', '/', '', canonical.join(''), signed, sha(body)].join('\n')
  const scope = `${date.slice(0, 8)}/eu-central-1/sns/aws4_request`
  const key = scope.split('/').reduce<string | Buffer>((k, part) => hmac(k, part), 'AWS4secret')
  const signature = hmac(key, ['AWS4-HMAC-SHA256', date, scope, sha(request)].join('\n')).toString(
    'hex',
  )
  expect(signed).to.contain('host')
  return `AWS4-HMAC-SHA256 Credential=AKID/${scope}, SignedHeaders=${signed}, Signature=${signature}`
}

for (const provider of PROVIDERS) {
  describe(`the SMS transport ${provider.name}`, () => {
    let received: Received[]
    let answer: { status: number; body: string }
    afterEach(closeAll)

    async function open(): Promise<Transport> {
      received = []
      answer = { status: 200, body: provider.taken }
      const { endpoint, origin } = await serve((req, res) => {
        const chunks: Buffer[] = []
        req.on('data', (chunk: Buffer) => chunks.push(chunk))
        req.on('end', () => {
          const { method = '', url = '', headers } = req
          received.push({ method, url, headers, body: Buffer.concat(chunks).toString() })
          res.writeHead(answer.status).end(answer.body)
        })
      })
      return provider.make(makeOutbound({ allow: [endpoint] }).outbound.request, origin)
    }

    it('posts what the provider wants, signed or with its secret', async () => {
      const transport = await open()
      expect(transport).to.include({ name: provider.name, channel: 'sms' })
      const outcome = await transport.send(smsTo(NUMBER), NEVER)
      expect(outcome).to.deep.equal({ kind: 'accepted', providerId: provider.providerId })
      expect(received).to.have.length(1)
      expect(received[0]!.method).to.equal('POST')
      provider.check(received[0]!)
    })

    it('tells a message that is refused from a provider that cannot', async () => {
      const transport = await open()
      for (const [status, kind] of [
        [400, 'rejected'],
        [422, 'rejected'],
        [401, 'unavailable'],
        [403, 'unavailable'],
        [429, 'unavailable'],
        [500, 'unavailable'],
        [503, 'unavailable'],
        [302, 'unavailable'],
      ] as const) {
        answer = { status, body: `no, ${NUMBER}` }
        const outcome = await transport.send(smsTo(NUMBER), NEVER)
        expect(outcome.kind, String(status)).to.equal(kind)
        expect(outcome).to.have.property('reason').that.does.not.contain(NUMBER)
      }
      for (const [body, kind] of provider.refused ?? []) {
        answer = { status: 200, body }
        const outcome = await transport.send(smsTo(NUMBER), NEVER)
        expect(outcome.kind, body).to.equal(kind)
        expect(outcome).to.have.property('reason').that.does.not.contain(NUMBER)
      }
    })

    it('goes nowhere that outgoing calls may not go', async () => {
      const { origin } = await serve((_req, res) => res.end())
      const transport = provider.make(makeOutbound().outbound.request, origin)
      expect((await transport.send(smsTo(NUMBER), NEVER)).kind).to.equal('unavailable')
    })
  })
}

describe('the development inbox as a transport', () => {
  it('takes everything', async () => {
    expect(await createInbox('sms').send(smsTo(NUMBER), NEVER)).to.deep.equal({ kind: 'accepted' })
  })
})

describe('a callback of Twilio', () => {
  // The example of Twilio's documentation of request validation.
  const uri = 'https://mycompany.com/myapp.php?foo=1&bar=2'
  const fields = new URLSearchParams({
    Digits: '1234',
    To: '+18005551212',
    From: '+14158675309',
    Caller: '+14158675309',
    CallSid: 'CA1234567890ABCDE',
  })
  const signature = 'RSOYDt4T1cUTdK1PDd93/VVr8B8='

  it('is believed with its signature, and not with another’s', () => {
    expect(isSignedByTwilio('12345', { uri, fields, signature })).to.equal(true)
    expect(isSignedByTwilio('12346', { uri, fields, signature })).to.equal(false)
    const changed = new URLSearchParams([...fields, ['Extra', '1']])
    expect(isSignedByTwilio('12345', { uri, fields: changed, signature })).to.equal(false)
  })
})
