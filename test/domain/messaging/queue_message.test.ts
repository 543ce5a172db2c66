import { expect } from 'chai'
import { CAPS } from '../../../src/domain/messaging/kinds.ts'
import { listMessages } from '../../../src/domain/messaging/message_store.ts'
import { type QueueDeps, queueMessage } from '../../../src/domain/messaging/queue_message.ts'
import { createJobQueue, type JobQueue } from '../../../src/platform/jobs/queue.ts'
import { inTransaction, query } from '../../../src/platform/persistence/db.ts'
import { type DomainDatabase, domainDatabase, keyring, movableClock } from '../domain_database.ts'

const LINK = 'https://login.example.test/verify?t=secret-token'

describe('queueing a message', function () {
  this.timeout(30_000)
  let database: DomainDatabase
  let jobs: JobQueue
  let clock: ReturnType<typeof movableClock>
  let deps: QueueDeps

  beforeEach(async () => {
    database = await domainDatabase()
    jobs = createJobQueue({ db: database.db, log: { warn() {}, error() {} } })
    clock = movableClock()
    deps = { keyring, jobs, clock }
  })
  afterEach(async () => {
    await jobs.stop(false)
    await database.close()
  })

  const queue = (message: Parameters<typeof queueMessage<'verify_email'>>[2]) =>
    inTransaction(database.db, (tx) => queueMessage(deps, tx, message))
  const verify = (recipient: string, idempotencyKey?: string) =>
    queue({
      kind: 'verify_email',
      recipient,
      fields: { code: '123456', link: LINK },
      idempotencyKey,
    })
  const messages = () => listMessages(database.db, keyring, { limit: 1_000 })
  const jobCount = async () =>
    (await query(database.db, `SELECT FROM job_queue.job WHERE name = 'deliver_message'`)).length
  const cappedEvents = () =>
    query<{ data: object }>(
      database.db,
      `SELECT data FROM event_outbox WHERE type = 'auth.message.capped'`,
    )

  it('leaves the message and its job with the transaction', async () => {
    await verify('ada@example.test')
    expect(await messages()).to.have.length(1)
    expect((await messages())[0]).to.deep.include({
      kind: 'verify_email',
      channel: 'email',
      recipient: 'ada@example.test',
      locale: 'en',
      state: 'queued',
      fields: { code: '123456', link: LINK },
    })
    expect(await jobCount()).to.equal(1)
  })

  it('leaves nothing where the transaction fails', async () => {
    const failing = inTransaction(database.db, async (tx) => {
      await queueMessage(deps, tx, {
        kind: 'password_changed',
        recipient: 'ada@example.test',
        fields: {},
      })
      throw new Error('the fact did not happen')
    })
    await failing.catch(() => {})
    expect(await messages()).to.deep.equal([])
    expect(await jobCount()).to.equal(0)
  })

  it('keeps no code and no link readable in the database', async () => {
    await verify('ada@example.test')
    const [row] = await query<{ everything: string }>(
      database.db,
      `SELECT message::text || encode(fields_sealed, 'escape') AS everything FROM message`,
    )
    expect(row!.everything).to.contain('ada@example.test')
    expect(row!.everything).not.to.match(/123456|secret-token/)
  })

  it('writes what was asked for twice by one idempotency key once', async () => {
    await verify('ada@example.test', 'attempt-1')
    await verify('ada@example.test', 'attempt-1')
    expect(await messages()).to.have.length(1)
    expect(await jobCount()).to.equal(1)
  })

  it('refuses fields that are not the kind’s', async () => {
    const wrong = { code: '1', link: LINK, surprise: true } as never
    const failure = await queue({
      kind: 'verify_email',
      recipient: 'a@b.test',
      fields: wrong,
    }).catch((error: Error) => error.name)
    expect(failure).to.equal('ZodError')
  })

  it('refuses a link that is no web address', async () => {
    const fields = { code: '123456', link: 'javascript:alert(1)' }
    const failure = await queue({ kind: 'verify_email', recipient: 'a@b.test', fields }).catch(
      (error: Error) => error.name,
    )
    expect(failure).to.equal('ZodError')
  })

  it('refuses a channel that the kind does not have', async () => {
    const message = {
      kind: 'verify_email',
      channel: 'sms',
      recipient: '+4930123456',
      fields: { code: '123456', link: LINK },
    } as const
    const failure = await queue(message).catch((error: Error) => error.message)
    expect(failure).to.contain('does not go by sms')
  })

  describe('to one recipient, by strangers', () => {
    it('stops at so many an hour, in silence, and an event counts it', async () => {
      for (let n = 0; n < CAPS.stranger.perHour + 2; n++) await verify('ada@example.test')
      expect(await messages()).to.have.length(CAPS.stranger.perHour)
      const events = await cappedEvents()
      expect(events).to.have.length(2)
      expect(events[0]!.data).to.deep.equal({ kind: 'verify_email', channel: 'email' })
    })

    it('stops at the same number where all come at once, however the address is written', async () => {
      const all = Array.from({ length: 15 }, (_, n) =>
        verify(n % 2 ? 'ada@example.test' : 'ADA@example.test'),
      )
      await Promise.all(all)
      expect(await messages()).to.have.length(CAPS.stranger.perHour)
    })

    it('goes on after an hour, up to so many a day', async () => {
      for (let hour = 0; hour < 6; hour++) {
        for (let n = 0; n < 6; n++) await verify('ada@example.test')
        clock.advance(3_601)
      }
      expect(await messages()).to.have.length(CAPS.stranger.perDay)
    })

    it('keeps back no notice of an intruder for what an application sends', async () => {
      const ask = (n: number) =>
        inTransaction(database.db, (tx) =>
          queueMessage(deps, tx, {
            kind: 'approval_requested',
            recipient: 'ada@example.test',
            fields: { client: `Application ${n}` },
          }),
        )
      for (let n = 0; n < CAPS.owner.perHour; n++) await ask(n)
      expect(await messages()).to.have.length(CAPS.application.perHour)
      await inTransaction(database.db, (tx) =>
        queueMessage(deps, tx, {
          kind: 'password_changed',
          recipient: 'ada@example.test',
          fields: {},
        }),
      )
      expect(await messages()).to.have.length(CAPS.application.perHour + 1)
    })

    it('keeps back no notice about the own account, and no message to others', async () => {
      for (let n = 0; n < CAPS.stranger.perHour; n++) await verify('ada@example.test')
      await inTransaction(database.db, (tx) =>
        queueMessage(deps, tx, {
          kind: 'password_changed',
          recipient: 'ada@example.test',
          fields: {},
        }),
      )
      await verify('grace@example.test')
      expect(await messages()).to.have.length(CAPS.stranger.perHour + 2)
    })
  })
})
