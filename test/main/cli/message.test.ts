import { mkdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { expect } from 'chai'
import { queueMessage } from '../../../src/domain/messaging/queue_message.ts'
import { upsertUndeliverable } from '../../../src/domain/messaging/undeliverable_store.ts'
import { loadConfig } from '../../../src/platform/config/load_config.ts'
import { withSecrets } from '../../../src/platform/config/own_secrets.ts'
import { createJobQueue } from '../../../src/platform/jobs/queue.ts'
import { createKeyring } from '../../../src/platform/keys/keyring.ts'
import { inTransaction, openDb } from '../../../src/platform/persistence/db.ts'
import { keyring } from '../../domain/domain_database.ts'
import { temporaryFolder } from '../../support/leash.ts'
import { type SmtpSink, startSmtp } from '../../support/smtp.ts'
import { type Deployment, deployment } from './run_cli.ts'

describe('authcore message', function () {
  this.timeout(60_000)
  let place: Deployment
  let mails: SmtpSink
  before(async () => {
    place = await deployment()
    mails = await startSmtp()
  })
  after(async () => {
    await mails?.stop()
    await place?.close()
  })

  it('previews a message in a language, without a database', async () => {
    const env = { DATABASE_URL: 'postgres://u@127.0.0.1:1/none' }
    const { code, stdout } = await place.run('message preview magic_link --locale de', { env })
    expect(code).to.equal(0)
    expect(stdout).to.contain('Subject: Ihr Anmeldelink für AuthCore').and.to.contain('https://')
    const json = (
      await place.run('message preview sign_in_code --channel sms --json', { env })
    ).json()
    expect(json).to.include({ channel: 'sms', locale: 'en' })
    expect(json.text).to.match(/^123456 is your code/)
  })

  it('previews the words of the deployment, and tells what is wrong with them', async () => {
    const dir = path.join(temporaryFolder('templates'), 'words')
    mkdirSync(dir)
    writeFileSync(path.join(dir, 'magic_link.en.subject'), 'Come in, {{brand}} waits')
    const env = { AUTHCORE_MESSAGE_TEMPLATES: dir }
    expect((await place.run('message preview magic_link', { env })).stdout).to.contain(
      'Subject: Come in, AuthCore waits',
    )
    writeFileSync(path.join(dir, 'magic_link.en.txt'), '{{password}}')
    const { code, stderr } = await place.run('message preview magic_link', { env })
    expect(code).to.equal(1)
    expect(stderr).to.contain('{{password}}').and.to.contain('AUTHCORE_MESSAGE_TEMPLATES')
  })

  it('refuses a kind or a channel that is not there', async () => {
    expect((await place.run('message preview letter')).stderr).to.contain('letter')
    expect((await place.run('message preview magic_link --channel sms')).stderr).to.contain(
      'does not go by sms',
    )
  })

  it('sends a test mail by every mail server, and tells of each', async () => {
    const env = mails.env()
    const good = await place.run('message test --to ada@example.test', { env })
    expect(good).to.include({ code: 0, stderr: '' })
    expect(good.stdout).to.equal('smtp: accepted\n')
    expect((await mails.next('ada@example.test')).code).to.equal('123456')
    mails.answer({ at: 'to', code: 550 })
    const bad = await place.run('message test --to ada@example.test --json', { env })
    expect(bad.code).to.equal(1)
    expect(bad.json()).to.deep.equal({
      transports: [{ transport: 'smtp', outcome: 'rejected', reason: '550 after RCPT TO' }],
    })
  })

  it('says what to set where there is no way, and what a recipient is', async () => {
    expect((await place.run('message test --to ada@example.test')).stderr).to.contain(
      'AUTHCORE_SMTP_URL',
    )
    expect((await place.run('message test --to +4930123456')).stderr).to.contain(
      'AUTHCORE_SMS_TRANSPORTS',
    )
    expect((await place.run('message test --to nobody')).stderr).to.contain('neither')
  })

  it('writes to an address again, once, and knows what an address is', async () => {
    const db = openDb({ connection: place.database.connection, poolMax: 2, timeoutMs: 5_000 })
    const own = createKeyring(withSecrets(loadConfig(place.env)).security)
    const kept = {
      addressHash: own.hash('undeliverable_address', 'ada@example.test'),
      reason: 'complaint',
      transport: 'ses',
      at: new Date(),
    } as const
    await inTransaction(db, (tx) => upsertUndeliverable(tx, kept))
    await db.destroy()
    const allow = (to: string) => place.run(`message allow --to ${to} --json`)
    expect((await allow('Ada@Example.test')).json()).to.deep.equal({ allowed: true })
    expect((await allow('ada@example.test')).json()).to.deep.equal({ allowed: false })
    const bad = await place.run('message allow --to nobody')
    expect(bad.code).to.equal(1)
    expect(bad.stderr).to.contain('no e-mail address')
  })

  it('lists messages and what became of them, and not what they say', async () => {
    expect((await place.run('message list')).stdout).to.equal('There are no messages.\n')
    const db = openDb({ connection: place.database.connection, poolMax: 2, timeoutMs: 5_000 })
    const jobs = createJobQueue({ db, log: { warn() {}, error() {} } })
    const deps = { keyring, jobs, clock: { now: () => new Date() } }
    await inTransaction(db, (tx) =>
      queueMessage(deps, tx, {
        kind: 'sign_in_code',
        recipient: 'ada@example.test',
        fields: { code: '482913' },
      }),
    )
    await jobs.stop(false)
    await db.destroy()
    const { stdout } = await place.run('message list')
    expect(stdout)
      .to.match(/sign_in_code +email +ada@example\.test +queued/)
      .and.not.contain('482913')
    const json = (await place.run('message list --limit 1 --json')).json()
    expect(json.messages).to.have.length(1)
    expect(json.messages[0]).to.include({ kind: 'sign_in_code', state: 'queued' })
  })
})
