import { expect } from 'chai'
import { canonicalEmail } from '../../../src/domain/accounts/identifier.ts'
import type { Channel } from '../../../src/domain/messaging/kinds.ts'
import { findMessage, listMessages } from '../../../src/domain/messaging/message_store.ts'
import { queueMessage } from '../../../src/domain/messaging/queue_message.ts'
import { createMessageRenderer } from '../../../src/domain/messaging/render_message.ts'
import { type SendDeps, sendMessage } from '../../../src/domain/messaging/send_message.ts'
import type {
  Outgoing,
  SendOutcome,
  Transport,
} from '../../../src/domain/messaging/transports/transport.ts'
import { createTransports } from '../../../src/domain/messaging/transports/transports.ts'
import { createDailyBudget } from '../../../src/domain/security/daily_budget.ts'
import { inTransaction, query } from '../../../src/platform/persistence/db.ts'
import { createRenderer } from '../../../src/platform/templating/strict_eta.ts'
import { catalogue, viewsDir } from '../../views/render.ts'
import { type DomainDatabase, domainDatabase, keyring, movableClock } from '../domain_database.ts'
import { NEVER } from './outgoing.ts'

const renderer = createRenderer({ viewsDir, locales: catalogue, brand: { name: 'Lantern' } })
const render = createMessageRenderer({ renderer, issuer: 'https://login.example.test' })

type Answer = SendOutcome | (() => Promise<SendOutcome>)
const ACCEPTED: SendOutcome = { kind: 'accepted', providerId: 'p1' }
const REJECTED: SendOutcome = { kind: 'rejected', reason: '550 after RCPT TO' }
const AWAY: SendOutcome = { kind: 'unavailable', reason: 'ECONNECTION' }

/** A transport that keeps what it is given. */
function memoryTransport(name: string, answer: Answer, channel: Channel = 'email') {
  const sent: Outgoing[] = []
  const transport: Transport = {
    name,
    channel,
    async send(message) {
      sent.push(message)
      return typeof answer === 'function' ? await answer() : answer
    },
  }
  return { transport, sent }
}

describe('sending a message', () => {
  let database: DomainDatabase
  let clock: ReturnType<typeof movableClock>
  let ids: string[]
  let outcomes: string[]
  let logged: string[]

  beforeEach(async () => {
    database = await domainDatabase()
    clock = movableClock()
    ids = []
    outcomes = []
    logged = []
  })
  afterEach(() => database.close())

  function deps(transports: Transport[], change: Partial<SendDeps> = {}): SendDeps {
    return {
      db: database.db,
      keyring,
      canonicalEmail,
      clock,
      render,
      transports: createTransports(clock, transports),
      log: { warn: (...line) => void logged.push(JSON.stringify(line)) },
      keepFields: false,
      onOutcome: ({ kind, transport, outcome }) =>
        void outcomes.push(`${kind} ${transport} ${outcome}`),
      ...change,
    }
  }
  async function queued(
    recipient = 'ada@example.test',
    locale = 'de',
    channel: 'email' | 'sms' = 'email',
  ): Promise<string> {
    const jobs = {
      send: async (_: string, { messageId }: { messageId: string }) => void ids.push(messageId),
    }
    await inTransaction(database.db, (tx) =>
      queueMessage({ keyring, clock, jobs: jobs as never }, tx, {
        kind: 'sign_in_code',
        channel,
        recipient,
        locale,
        fields: { code: '123456' },
      }),
    )
    return ids.at(-1)!
  }
  const send = (sending: SendDeps, messageId: string, last = false) =>
    sendMessage(sending, { messageId }, { last, signal: NEVER })
  const failureOf = (work: Promise<void>) =>
    work.then(
      () => 'none',
      (error: Error) => error.message,
    )
  const events = async () =>
    (
      await query<{ type: string; data: object }>(
        database.db,
        'SELECT type, data FROM event_outbox ORDER BY id',
      )
    ).map(({ type, data }) => ({ type: type.replace('auth.message.', ''), ...data }))
  const row = async () =>
    (
      await query<Record<string, unknown>>(
        database.db,
        'SELECT state, attempts, transport, provider_id, failure, fields_sealed IS NULL AS wiped FROM message',
      )
    )[0]

  it('hands it to the transport in the language of its reader, and wipes what it said', async () => {
    const { transport, sent } = memoryTransport('smtp', ACCEPTED)
    const id = await queued()
    await send(deps([transport]), id)
    expect(sent).to.have.length(1)
    expect(sent[0]).to.include({
      id,
      to: 'ada@example.test',
      subject: 'Ihr Anmeldecode für Lantern',
    })
    expect(sent[0]!.text).to.contain('123456')
    expect(await row()).to.deep.equal({
      state: 'sent',
      attempts: 1,
      transport: 'smtp',
      provider_id: 'p1',
      failure: null,
      wiped: true,
    })
    expect((await findMessage(database.db, keyring, { id }))!.fields).to.equal(undefined)
    expect(await events()).to.deep.equal([
      { type: 'sent', messageId: id, kind: 'sign_in_code', channel: 'email', transport: 'smtp' },
    ])
    expect(outcomes).to.deep.equal(['sign_in_code smtp accepted'])
  })

  it('keeps what it said where the development inbox shows it', async () => {
    const { transport } = memoryTransport('inbox', ACCEPTED)
    await send(deps([transport], { keepFields: true }), await queued())
    const [message] = await listMessages(database.db, keyring, { limit: 1 })
    expect(message!.fields).to.deep.equal({ code: '123456' })
  })

  it('sends it once, whoever asks again and however many at once', async () => {
    const { transport, sent } = memoryTransport('smtp', ACCEPTED)
    const sending = deps([transport])
    const id = await queued()
    await Promise.allSettled(Array.from({ length: 10 }, () => send(sending, id)))
    await send(sending, id)
    expect(sent).to.have.length(1)
  })

  it('fails over to the next transport, and asks the one that failed last for a while', async () => {
    const first = memoryTransport('smtp', AWAY)
    const second = memoryTransport('smtp_2', ACCEPTED)
    const sending = deps([first.transport, second.transport])
    await send(sending, await queued())
    expect(await row()).to.include({ state: 'sent', transport: 'smtp_2' })
    await send(sending, await queued())
    expect([first.sent.length, second.sent.length]).to.deep.equal([1, 2])
    clock.advance(31)
    await send(sending, await queued())
    expect([first.sent.length, second.sent.length]).to.deep.equal([2, 3])
    expect(logged.join())
      .to.contain('ECONNECTION')
      .and.not.to.match(/ada@|123456/)
  })

  it('takes a transport that throws for one that is away', async () => {
    const first = memoryTransport('smtp', async () => {
      throw new Error('a fault in the library about ada@example.test')
    })
    const second = memoryTransport('smtp_2', ACCEPTED)
    await send(deps([first.transport, second.transport]), await queued())
    expect(await row()).to.include({ state: 'sent', transport: 'smtp_2' })
    expect(logged.join()).not.to.contain('ada@')
  })

  it('leaves to the queue what nobody takes now, and sends it later', async () => {
    let answer: SendOutcome = AWAY
    const { transport, sent } = memoryTransport('smtp', async () => answer)
    const sending = deps([transport])
    const id = await queued()
    expect(await failureOf(send(sending, id))).to.contain('no transport took the message')
    expect(await row()).to.include({ state: 'queued', failure: 'ECONNECTION', wiped: false })
    expect(await events()).to.deep.equal([])
    answer = ACCEPTED
    await send(sending, id)
    expect(await row()).to.include({ state: 'sent', attempts: 2, failure: null })
    expect(sent).to.have.length(2)
    expect(sent[0]!.id).to.equal(sent[1]!.id)
  })

  it('gives up after the last attempt, and says so', async () => {
    const { transport } = memoryTransport('smtp', AWAY)
    const id = await queued()
    await send(deps([transport]), id, true)
    expect(await row()).to.include({ state: 'failed', failure: 'ECONNECTION', wiped: true })
    expect((await events())[0]).to.include({ type: 'failed', reason: 'ECONNECTION' })
  })

  it('does not try again, nor elsewhere, what was refused for good', async () => {
    const first = memoryTransport('smtp', REJECTED)
    const second = memoryTransport('smtp_2', ACCEPTED)
    await send(deps([first.transport, second.transport]), await queued())
    expect(second.sent).to.deep.equal([])
    expect(await row()).to.include({ state: 'failed', failure: '550 after RCPT TO', wiped: true })
  })

  it('sends nothing that came too late', async () => {
    const { transport, sent } = memoryTransport('smtp', ACCEPTED)
    const id = await queued()
    clock.advance(601)
    await send(deps([transport]), id)
    expect(sent).to.deep.equal([])
    expect(await row()).to.include({ state: 'expired', wiped: true })
    expect((await events())[0]).to.include({ type: 'failed', reason: 'expired' })
  })

  it('offers nobody an address that is more than one', async () => {
    const { transport, sent } = memoryTransport('smtp', ACCEPTED)
    await send(deps([transport]), await queued('ada@example.test\r\nBcc: eve@example.test'))
    expect(sent).to.deep.equal([])
    expect(await row()).to.include({ state: 'failed', failure: 'malformed address' })
  })

  it('fails where there is no way for it', async () => {
    const { transport } = memoryTransport('twilio', ACCEPTED, 'sms')
    await send(deps([transport]), await queued())
    expect(await row()).to.include({ state: 'failed', failure: 'no transport for email' })
  })

  it('takes over from a worker that died, and not before it must have', async () => {
    const dead = memoryTransport('smtp', () => new Promise(() => {}))
    const alive = memoryTransport('smtp', ACCEPTED)
    const id = await queued()
    void send(deps([dead.transport]), id)
    while (dead.sent.length === 0) await new Promise((resolve) => setTimeout(resolve, 10))
    const sending = deps([alive.transport])
    expect(await failureOf(send(sending, id))).to.equal('another attempt is under way')
    clock.advance(91)
    await send(sending, id)
    expect(alive.sent).to.have.length(1)
    expect(await row()).to.include({ state: 'sent', attempts: 2 })
  })

  it('knows nothing of a message that is gone', async () => {
    const { transport } = memoryTransport('smtp', ACCEPTED)
    await send(deps([transport]), '019abcde-0000-7000-8000-00000000dead')
    expect(outcomes).to.deep.equal([])
  })

  describe('where so many SMS are sent on one day', () => {
    const ADA = '+491711234567'
    const EVE = '+491711234568'
    const limited = (transports: Transport[], perDay: number, change: Partial<SendDeps> = {}) =>
      deps(transports, {
        smsBudget: createDailyBudget({ db: database.db, clock }, { name: 'sms_daily', perDay }),
        ...change,
      })
    const states = async () =>
      await query<Record<string, unknown>>(
        database.db,
        'SELECT state, failure, fields_sealed IS NULL AS wiped FROM message ORDER BY id',
      )

    it('sends no more by SMS, says so in an event, and goes on by mail', async () => {
      const sms = memoryTransport('hook', ACCEPTED, 'sms')
      const mail = memoryTransport('smtp', ACCEPTED)
      const sending = limited([sms.transport, mail.transport], 1)
      const first = await queued(ADA, 'de', 'sms')
      const second = await queued(EVE, 'de', 'sms')
      const third = await queued()
      for (const id of [first, second, third]) await send(sending, id)
      expect(sms.sent.map(({ to }) => to)).to.deep.equal([ADA])
      expect(mail.sent).to.have.length(1)
      expect(await states()).to.deep.equal([
        { state: 'sent', failure: null, wiped: true },
        { state: 'failed', failure: 'sms_daily_limit', wiped: true },
        { state: 'sent', failure: null, wiped: true },
      ])
      expect((await events())[1]).to.deep.equal({
        type: 'capped',
        messageId: second,
        kind: 'sign_in_code',
        channel: 'sms',
        reason: 'sms_daily_limit',
      })
      expect(outcomes[1]).to.equal('sign_in_code none sms_daily_limit')
      expect(logged.join()).not.to.include(EVE)
    })

    it('counts a message once, however often it is tried', async () => {
      const away = memoryTransport('hook', AWAY, 'sms')
      const id = await queued(ADA, 'de', 'sms')
      for (let i = 0; i < 3; i += 1) await failureOf(send(limited([away.transport], 2), id))
      const { transport, sent } = memoryTransport('hook', ACCEPTED, 'sms')
      const sending = limited([transport], 2)
      await send(sending, id)
      await send(sending, await queued(EVE, 'de', 'sms'))
      expect(sent.map(({ to }) => to)).to.deep.equal([ADA, EVE])
      await send(sending, await queued('+491711234569', 'de', 'sms'))
      expect(sent).to.have.length(2)
    })

    it('begins anew on the next day, and has the rest where the limit is raised', async () => {
      const { transport, sent } = memoryTransport('hook', ACCEPTED, 'sms')
      const sendTo = async (number: string, perDay: number) =>
        await send(limited([transport], perDay), await queued(number, 'de', 'sms'))
      for (const number of [ADA, EVE, '+491711234569']) await sendTo(number, 1)
      expect(sent).to.have.length(1)
      await sendTo('+491711234570', 2)
      expect(sent, 'raised').to.have.length(2)
      clock.advance(86_400)
      await sendTo('+491711234571', 1)
      expect(sent, 'the next day').to.have.length(3)
    })

    it('lets no more through where many are sent at one moment', async () => {
      const { transport, sent } = memoryTransport('hook', ACCEPTED, 'sms')
      const numbers = Array.from({ length: 20 }, (_, i) => `+4917112300${10 + i}`)
      const queuedIds: string[] = []
      for (const number of numbers) queuedIds.push(await queued(number, 'de', 'sms'))
      await Promise.all(queuedIds.map((id) => send(limited([transport], 7), id)))
      expect(sent).to.have.length(7)
    })
  })
})
