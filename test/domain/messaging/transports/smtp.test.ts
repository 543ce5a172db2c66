import { generateKeyPairSync } from 'node:crypto'
import { expect } from 'chai'
import {
  createSmtpTransport,
  type SmtpOptions,
} from '../../../../src/domain/messaging/transports/smtp.ts'
import type { Transport } from '../../../../src/domain/messaging/transports/transport.ts'
import { freePort } from '../../../support/free_port.ts'
import { type SmtpOptions as SinkOptions, type SmtpSink, startSmtp } from '../../../support/smtp.ts'
import { ID, mailTo, NEVER } from '../outgoing.ts'

const FROM = 'Example Sign-in <login@example.test>'

describe('the SMTP transport', function () {
  this.timeout(20_000)
  const opened: { stop?(): Promise<void>; close?(): Promise<void> }[] = []
  afterEach(async () => {
    for (const each of opened.splice(0).reverse()) await (each.close ?? each.stop)?.()
  })

  async function sink(options?: SinkOptions): Promise<SmtpSink> {
    const started = await startSmtp(options)
    opened.push(started)
    return started
  }
  function transport(
    server: Pick<SmtpSink, 'url' | 'ca'>,
    change: Partial<SmtpOptions> = {},
  ): Transport {
    const { url, ca } = server
    const made = createSmtpTransport({
      name: 'smtp',
      url,
      ca,
      tls: 'required',
      from: FROM,
      ...change,
    })
    opened.push(made)
    return made
  }

  it('sends text and HTML over STARTTLS, logged in, with letters of the whole world', async () => {
    const server = await sink()
    const outcome = await transport(server).send(mailTo('ada@example.test'), NEVER)
    expect(outcome.kind).to.equal('accepted')
    const mail = await server.next('ada@example.test')
    expect(mail).to.include({
      tls: true,
      user: 'mailer',
      from: 'login@example.test',
      subject: 'Your code – コード',
      code: '123456',
      link: 'https://login.example.test/x?a=b&c=d',
    })
    expect(mail.html).to.contain('<b>123456</b>')
    expect(mail.parsed.from?.text).to.equal('"Example Sign-in" <login@example.test>')
    expect(mail.parsed.messageId).to.equal(`<${ID}@example.test>`)
    expect(mail.raw).to.match(/^Auto-Submitted: auto-generated\r$/m)
  })

  it('begins with TLS where the URL says so', async () => {
    const server = await sink({ tls: 'implicit' })
    expect((await transport(server).send(mailTo('ada@example.test'), NEVER)).kind).to.equal(
      'accepted',
    )
    expect((await server.next('ada@example.test')).tls).to.equal(true)
  })

  it('sends nothing where the server offers no TLS', async () => {
    const server = await sink({ tls: 'none' })
    const outcome = await transport(server).send(mailTo('ada@example.test'), NEVER)
    expect(outcome).to.deep.equal({ kind: 'unavailable', reason: '500 after STARTTLS' })
    expect(server.received).to.deep.equal([])
  })

  it('sends without TLS where it was told to', async () => {
    const server = await sink({ tls: 'none' })
    const plain = transport(server, { tls: 'off' })
    expect((await plain.send(mailTo('ada@example.test'), NEVER)).kind).to.equal('accepted')
  })

  it('does not speak to a server whose certificate is nobody’s', async () => {
    const server = await sink()
    const stranger = transport(server, { ca: undefined })
    expect((await stranger.send(mailTo('ada@example.test'), NEVER)).kind).to.equal('unavailable')
    expect(server.received).to.deep.equal([])
  })

  it('reuses its connection', async () => {
    const server = await sink()
    const mailer = transport(server)
    for (let n = 0; n < 5; n++) await mailer.send(mailTo('ada@example.test'), NEVER)
    expect(server.received).to.have.length(5)
    expect(server.connections()).to.equal(1)
  })

  it('signs with DKIM, and lets bounces go elsewhere', async () => {
    const server = await sink()
    const { privateKey } = generateKeyPairSync('rsa', {
      modulusLength: 2048,
      privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
      publicKeyEncoding: { type: 'spki', format: 'pem' },
    })
    const dkim = { domainName: 'example.test', keySelector: 'k1', privateKey }
    const signing = transport(server, { dkim, envelopeFrom: 'bounces@example.test' })
    await signing.send(mailTo('ada@example.test'), NEVER)
    const mail = await server.next('ada@example.test')
    expect(mail.from).to.equal('bounces@example.test')
    expect(mail.raw).to.match(/^DKIM-Signature: .*d=example\.test;.*s=k1/ms)
  })

  it('reaches an address outside ASCII (RFC 6531)', async () => {
    const server = await sink()
    const outcome = await transport(server).send(mailTo('jörg@bücher.example'), NEVER)
    expect(outcome.kind).to.equal('accepted')
    expect(server.received[0]!.to[0]).to.match(/^jörg@(bücher|xn--bcher-kva)\.example$/)
  })

  describe('cannot be made to write another header or to another recipient', () => {
    const ATTACKS = [
      { to: 'ada@example.test\r\nBcc: eve@example.test' },
      { to: 'ada@example.test, eve@example.test' },
      { to: 'ada@example.test>\r\nRCPT TO:<eve@example.test' },
      { to: 'ada@example.test', subject: 'Hello\r\nBcc: eve@example.test\r\n\r\nbody' },
      { to: 'ada@example.test', text: 'a\r\n.\r\nMAIL FROM:<eve@example.test>\r\n' },
    ]
    for (const attack of ATTACKS) {
      it(JSON.stringify(attack), async () => {
        const server = await sink()
        await transport(server).send(mailTo(attack.to, attack), NEVER)
        for (const mail of server.received) {
          expect(mail.to.join()).not.to.match(/^eve@|,/)
          expect(mail.parsed.headers.has('bcc')).to.equal(false)
          expect(mail.from).to.equal('login@example.test')
        }
        expect(server.received.length).to.be.at.most(1)
      })
    }
  })

  describe('tells apart', () => {
    const CASES = [
      ['a recipient that is not there', { at: 'to', code: 550 }, 'rejected', /^550 after RCPT TO$/],
      ['a message that is refused', { at: 'data', code: 554 }, 'rejected', /^554 after DATA$/],
      ['a mailbox that is full for now', { at: 'to', code: 452 }, 'unavailable', /^452/],
      ['a server that wants it later', { at: 'data', code: 451 }, 'unavailable', /^451/],
      ['a sender that it does not take', { at: 'from', code: 553 }, 'unavailable', /^553/],
      [
        'a server that is closed',
        { at: 'connect', code: 554 },
        'unavailable',
        /^554|ECONN|EPROTOCOL/,
      ],
    ] as const
    for (const [what, answer, kind, reason] of CASES) {
      it(what, async () => {
        const server = await sink()
        server.answer(answer)
        const outcome = await transport(server).send(mailTo('ada@example.test'), NEVER)
        expect(outcome.kind).to.equal(kind)
        expect(outcome).to.have.property('reason').that.matches(reason).and.does.not.contain('ada@')
        // What was said once is not remembered.
        expect((await transport(server).send(mailTo('ada@example.test'), NEVER)).kind).to.equal(
          'accepted',
        )
      })
    }

    it('a wrong password', async () => {
      const server = await sink()
      const url = server.url.replace(/:[^:@]+@/, ':wrong@')
      const outcome = await transport({ ...server, url }).send(mailTo('ada@example.test'), NEVER)
      expect(outcome).to.have.property('kind', 'unavailable')
      expect(outcome)
        .to.have.property('reason')
        .that.matches(/535|EAUTH/)
    })

    it('nobody there', async () => {
      const { ca } = await sink()
      const url = `smtp://localhost:${await freePort()}`
      const outcome = await transport({ url, ca }).send(mailTo('ada@example.test'), NEVER)
      expect(outcome.kind).to.equal('unavailable')
    })

    it('a server that falls silent', async () => {
      const server = await sink()
      server.answer({ at: 'data', hang: true })
      const timeoutsMs = { connect: 500, greeting: 500, idle: 500 }
      const startedAt = performance.now()
      const outcome = await transport(server, { timeoutsMs }).send(
        mailTo('ada@example.test'),
        NEVER,
      )
      expect(outcome.kind).to.equal('unavailable')
      expect(performance.now() - startedAt).to.be.below(5_000)
    })
  })
})
