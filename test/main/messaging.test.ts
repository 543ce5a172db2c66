import { generateKeyPairSync } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'chai'
import type { MessageToQueue } from '../../src/domain/messaging/queue_message.ts'
import { queueMessage } from '../../src/domain/messaging/queue_message.ts'
import { tokenReuseDetected } from '../../src/platform/events/catalogue.ts'
import { inTransaction, query } from '../../src/platform/persistence/db.ts'
import { type AuthCore, addClient, addPerson, startAuthCore } from '../support/authcore.ts'
import { freePort } from '../support/free_port.ts'
import { type SmtpSink, startSmtp } from '../support/smtp.ts'

describe('a server with a mail server', function () {
  this.timeout(60_000)
  const running: { stop(): Promise<void> }[] = []
  afterEach(async () => {
    for (const each of running.splice(0).reverse()) await each.stop()
  })

  async function smtp(options?: Parameters<typeof startSmtp>[0]): Promise<SmtpSink> {
    const sink = await startSmtp(options)
    running.push(sink)
    return sink
  }
  async function start(env: Record<string, string>): Promise<AuthCore> {
    const server = await startAuthCore({ worker: true, env })
    running.push(server)
    return server
  }
  const queue = ({ parts }: AuthCore, message: MessageToQueue<'verify_email'>) =>
    inTransaction(parts.db, (tx) => queueMessage(parts, tx, message))
  const verify = (server: AuthCore, recipient: string) =>
    queue(server, {
      kind: 'verify_email',
      recipient,
      fields: { code: '482913', link: `${server.issuer}/verify?t=x` },
    })
  const states = async ({ parts }: AuthCore) =>
    await query<{ state: string; transport: string; attempts: number }>(
      parts.db,
      'SELECT state, transport, attempts FROM message ORDER BY created_at',
    )

  it('sends what is queued at once, over TLS, and shows it in the development inbox', async () => {
    const mails = await smtp()
    const server = await start(mails.env())
    const startedAt = performance.now()
    await verify(server, 'ada@example.test')
    const queuedMs = performance.now() - startedAt
    const mail = await mails.next('ada@example.test')
    expect(mail).to.include({ tls: true, code: '482913', link: `${server.issuer}/verify?t=x` })
    expect(mail.subject).to.equal('Confirm your e-mail address for AuthCore')
    // Nobody who is asked for something waits for a mail server.
    expect(queuedMs).to.be.below(1_000)
    const list = await (await fetch(`${server.issuer}/dev/inbox`)).text()
    const [, path = ''] = /href="(\/dev\/inbox\/[0-9a-f-]{36})"/.exec(list) ?? []
    const page = await (await fetch(`${server.issuer}${path}`)).text()
    expect(page).to.contain('482913').and.to.contain(`<a href="${server.issuer}/verify?t=x">`)
    const html = await fetch(`${server.issuer}${path}/html`)
    expect(html.headers.get('content-security-policy')).to.match(/sandbox/)
    expect(await html.text()).to.contain('482913')
  })

  it('names the message to SendGrid where that tells what became of it, and to nobody else', async () => {
    const mails = await smtp()
    const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' })
    const key = publicKey.export({ format: 'der', type: 'spki' }).toString('base64')
    const told = await start({ ...mails.env(), AUTHCORE_SENDGRID_WEBHOOK_KEY: key })
    await verify(told, 'ada@example.test')
    const { raw } = await mails.next('ada@example.test')
    const [, id] = /^Message-ID: <([^@]+)@/m.exec(raw)!
    const [, header] = /^X-SMTPAPI: (.*(?:\r\n .*)*)/im.exec(raw)!
    expect(JSON.parse(header!.replaceAll('\r\n', ''))).to.deep.equal({
      unique_args: { authcore_message: id },
    })
    await verify(await start(mails.env()), 'bob@example.test')
    expect((await mails.next('bob@example.test')).raw).not.to.match(/X-SMTPAPI/i)
  })

  it('tries again what a mail server does not take now', async () => {
    const mails = await smtp()
    mails.answer({ at: 'data', code: 451 })
    const server = await start(mails.env())
    await verify(server, 'ada@example.test')
    // The first pause is 5 to 10 seconds; this process asks twice a minute, or when something is queued.
    for (let n = 0; n < 40 && (await states(server))[0]!.state !== 'sent'; n++) {
      await sleep(1_000)
      await verify(server, `someone${n}@example.test`)
    }
    await mails.next('ada@example.test')
    expect((await states(server))[0]).to.deep.equal({
      state: 'sent',
      transport: 'smtp',
      attempts: 2,
    })
    expect(mails.received.filter(({ to }) => to.includes('ada@example.test'))).to.have.length(1)
  })

  it('fails over where the first mail server is not there', async () => {
    const mails = await smtp()
    const env = mails.env()
    const away = `smtp://localhost:${await freePort()}`
    const server = await start({ ...env, AUTHCORE_SMTP_URL: `${away},${env['AUTHCORE_SMTP_URL']}` })
    await verify(server, 'ada@example.test')
    await mails.next('ada@example.test')
    while ((await states(server))[0]!.state !== 'sent') await sleep(50)
    expect(await states(server)).to.deep.equal([
      { state: 'sent', transport: 'smtp_2', attempts: 1 },
    ])
    const scrape = await server.parts.metrics.scrape()
    expect(scrape).to.contain(
      'authcore_messages_total{kind="verify_email",transport="smtp_2",outcome="accepted"} 1',
    )
    expect(scrape).to.match(/^authcore_message_queue_age_seconds 0$/m)
  })

  it('tells the person about a token that came back, in their language', async () => {
    const mails = await smtp()
    const server = await start(mails.env())
    const ada = await addPerson(server, { claims: { locale: 'fr-CA' } })
    const { clientId } = await addClient(server, { name: 'Lantern Books' })
    server.parts.recorder.record(tokenReuseDetected({ clientId, accountId: ada.id, kind: 'code' }))
    const mail = await mails.next(ada.email)
    expect(mail.subject).to.equal('Votre connexion à Lantern Books a été fermée')
  })

  it('logs no address, no code and no link', async () => {
    const mails = await smtp()
    mails.answer({ at: 'to', code: 550 })
    const server = await start({ ...mails.env(), AUTHCORE_LOG_LEVEL: 'debug' })
    await verify(server, 'ada@example.test')
    while ((await states(server))[0]?.state !== 'failed') await sleep(50)
    await verify(server, 'grace@example.test')
    await mails.next('grace@example.test')
    const log = JSON.stringify(server.logged)
    expect(server.logged).not.to.deep.equal([])
    expect(log).not.to.match(/ada@|grace@|482913|verify\?t=/)
  })
})
