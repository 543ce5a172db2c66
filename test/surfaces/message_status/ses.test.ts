import { execFileSync } from 'node:child_process'
import { createPrivateKey, sign } from 'node:crypto'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { expect } from 'chai'
import type { Context } from 'koa'
import { readSesReport } from '../../../src/surfaces/message_status/ses.ts'
import { createSnsKeys } from '../../../src/surfaces/message_status/sns_keys.ts'
import { movableClock } from '../../domain/domain_database.ts'
import { temporaryFolder } from '../../support/leash.ts'

const TOPIC = 'arn:aws:sns:eu-central-1:123456789012:mail'
const CERTIFICATE = 'https://sns.eu-central-1.amazonaws.com/SimpleNotificationService-0a1b2c.pem'
const ID = '019abcde-0000-7000-8000-000000000001'

describe('Amazon SES by way of SNS', () => {
  let pem: string
  let privateKey: ReturnType<typeof createPrivateKey>
  let called: string[]
  const clock = movableClock(new Date(Date.now() + 3_600_000))

  before(() => {
    const folder = temporaryFolder('sns')
    const [key, cert] = [path.join(folder, 'key.pem'), path.join(folder, 'cert.pem')]
    const subject = ['-subj', '/CN=sns.amazonaws.com', '-days', '30']
    execFileSync(
      'openssl',
      ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-keyout', key, '-out', cert, ...subject],
      { stdio: 'ignore' },
    )
    pem = readFileSync(cert, 'utf8')
    privateKey = createPrivateKey(readFileSync(key))
  })
  beforeEach(() => {
    called = []
  })

  function reader() {
    const request = async ({ url }: { url: string }) => {
      called.push(url)
      return { status: 200, headers: new Headers(), body: Buffer.from(pem) }
    }
    const snsKeys = createSnsKeys({ request, clock })
    return (notification: object) =>
      readSesReport(
        { sesTopicArn: TOPIC, snsKeys, request },
        {} as Context,
        JSON.stringify(notification),
      )
  }

  function signed(fields: Record<string, string>) {
    const text = Object.keys(fields)
      .sort()
      .map((name) => `${name}\n${fields[name]}\n`)
      .join('')
    return {
      ...fields,
      SignatureVersion: '2',
      Signature: sign('sha256', Buffer.from(text), privateKey).toString('base64'),
      SigningCertURL: CERTIFICATE,
    }
  }
  const notification = (message: object, more: Record<string, string> = {}) =>
    signed({
      Type: 'Notification',
      MessageId: '5a0b',
      TopicArn: TOPIC,
      Timestamp: '2026-11-26T10:00:00.000Z',
      Message: JSON.stringify(message),
      ...more,
    })
  const mail = {
    destination: ['somebody@example.test'],
    headers: [
      { name: 'From', value: 'x' },
      { name: 'Message-ID', value: `<${ID}@example.com>` },
    ],
  }

  it('tells a hard bounce, a soft one, a complaint and a delivery apart', async () => {
    const read = reader()
    const bounce = (bounceType: string) =>
      notification({ notificationType: 'Bounce', bounce: { bounceType }, mail }, { Subject: 'S' })
    const hard = { messageId: ID, outcome: 'bounced', undeliverable: 'hard_bounce' }
    expect(await read(bounce('Permanent'))).to.deep.equal([hard])
    for (const type of ['Transient', 'Undetermined']) {
      expect(await read(bounce(type))).to.deep.equal([{ messageId: ID, outcome: 'bounced' }])
    }
    expect(await read(notification({ eventType: 'Complaint', mail }))).to.deep.equal([
      { messageId: ID, outcome: undefined, undeliverable: 'complaint' },
    ])
    const common = { commonHeaders: { messageId: `<${ID}@example.com>` } }
    expect(await read(notification({ notificationType: 'Delivery', mail: common }))).to.deep.equal([
      { messageId: ID, outcome: 'delivered' },
    ])
    expect(called, 'the certificate is kept').to.deep.equal([CERTIFICATE])
  })

  it('is no fault, and no report, where it says nothing', async () => {
    const read = reader()
    for (const message of [{}, { notificationType: 'Bounce' }, { eventType: 'Open', mail: 5 }]) {
      const [report] = (await read(notification(message)))!
      expect(report!.undeliverable).to.equal(undefined)
    }
    expect(await read(notification({}, { Message: 'not JSON' }))).to.have.length(1)
  })

  it('is not believed where anything differs from what was signed', async () => {
    const read = reader()
    const good = notification({ notificationType: 'Bounce', mail })
    expect(await read({ ...good, Message: '{}' })).to.equal(undefined)
    expect(await read({ ...good, Subject: 'added' })).to.equal(undefined)
    expect(await read({ ...good, Signature: '' })).to.equal(undefined)
    expect(await read({ ...good, SignatureVersion: '1' })).to.equal(undefined)
  })

  it('hears no other topic, and none where none is set', async () => {
    const other = notification({}, { TopicArn: `${TOPIC}2` })
    expect(await reader()(other)).to.equal(undefined)
    expect(
      await readSesReport(
        {
          sesTopicArn: undefined,
          snsKeys: { find: () => Promise.reject(new Error('asked')) },
          request: () => Promise.reject(new Error('asked')),
        },
        {} as Context,
        JSON.stringify(notification({})),
      ),
    ).to.equal(undefined)
    expect(called).to.deep.equal([])
  })

  it('takes certificates from SNS in the region of the topic only', async () => {
    const read = reader()
    const good = notification({})
    for (const SigningCertURL of [
      'https://evil.example/SimpleNotificationService-0a1b2c.pem',
      'http://sns.eu-central-1.amazonaws.com/SimpleNotificationService-0a1b2c.pem',
      'https://sns.us-east-1.amazonaws.com/SimpleNotificationService-0a1b2c.pem',
      'https://sns.eu-central-1.amazonaws.com.evil.example/SimpleNotificationService-0a1b2c.pem',
      'https://sns.eu-central-1.amazonaws.com@evil.example/SimpleNotificationService-0a.pem',
      'https://sns.eu-central-1.amazonaws.com/anything.pem',
      'https://sns.eu-central-1.amazonaws.com/SimpleNotificationService-0a.pem?x=/../',
      '',
    ]) {
      expect(await read({ ...good, SigningCertURL }), SigningCertURL).to.equal(undefined)
    }
    expect(called).to.deep.equal([])
  })

  it('asks SNS for few certificates, whoever names many', async () => {
    const read = reader()
    const good = notification({})
    for (let n = 0; n < 20; n++) {
      const SigningCertURL = CERTIFICATE.replace('0a1b2c', `${n}`)
      await read({ ...good, Signature: '', SigningCertURL })
    }
    expect(called).to.have.length(6)
  })

  it('believes no certificate that has ended', async () => {
    const read = reader()
    clock.advance(40 * 86_400)
    expect(await read(notification({}))).to.equal(undefined)
    clock.advance(-40 * 86_400)
  })

  it('confirms its subscription at an address of its own making', async () => {
    const read = reader()
    const asked = signed({
      Type: 'SubscriptionConfirmation',
      MessageId: '5a0c',
      Token: 'a token&x=',
      TopicArn: TOPIC,
      Message: 'You have chosen to subscribe',
      SubscribeURL: 'https://evil.example/',
      Timestamp: '2026-11-26T10:00:00.000Z',
    })
    expect(await read({ ...asked, Token: 'another' })).to.equal(undefined)
    expect(called).to.deep.equal([CERTIFICATE])
    expect(await read(asked)).to.deep.equal([])
    expect(called).to.deep.equal([
      CERTIFICATE,
      'https://sns.eu-central-1.amazonaws.com/?Action=ConfirmSubscription&TopicArn=arn%3Aaws%3Asns%3Aeu-central-1%3A123456789012%3Amail&Token=a+token%26x%3D',
    ])
  })
})
