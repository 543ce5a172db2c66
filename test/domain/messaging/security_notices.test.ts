import { expect } from 'chai'
import { createAccount } from '../../../src/domain/accounts/create_account.ts'
import { listMessages } from '../../../src/domain/messaging/message_store.ts'
import { isKept, startOfInbox } from '../../../src/domain/messaging/notices/notice.ts'
import {
  deleteOldNotices,
  listNotices,
} from '../../../src/domain/messaging/notices/notice_store.ts'
import { createSecurityNotices } from '../../../src/domain/messaging/security_notices.ts'
import { deviceWordsOf } from '../../../src/domain/sessions/device_name.ts'
import type { StoredEvent } from '../../../src/platform/events/relay.ts'
import { createJobQueue, type JobQueue } from '../../../src/platform/jobs/queue.ts'
import { inTransaction, query } from '../../../src/platform/persistence/db.ts'
import { type DomainDatabase, domainDatabase, keyring, movableClock } from '../domain_database.ts'

describe('notices about what happened to an account', function () {
  this.timeout(30_000)
  let database: DomainDatabase
  let jobs: JobQueue
  let ada: string
  let nameless: string
  const clock = movableClock()

  before(async () => {
    database = await domainDatabase()
    jobs = createJobQueue({ db: database.db, log: { warn() {}, error() {} } })
    const deps = { db: database.db, clock }
    const claims = { locale: 'de' }
    ada = (await createAccount(deps, { email: 'ada@example.test', claims })).id
    nameless = (await createAccount(deps, { username: 'nameless' })).id
  })
  after(async () => {
    await jobs.stop(false)
    await database.close()
  })

  let ids = 0
  const event = (type: string, data: object, occurredAt = '2026-03-01T10:00:00Z') =>
    ({
      id: `00000000-0000-7000-8000-${String(++ids).padStart(12, '0')}`,
      type,
      data,
      occurredAt: new Date(occurredAt),
    }) as StoredEvent
  const deliver = (...events: StoredEvent[]) => deliverWith({}, ...events)
  const sinkOf = (options: Partial<Parameters<typeof createSecurityNotices>[0]>) =>
    createSecurityNotices({
      keyring,
      jobs,
      clock,
      channels: new Set(['email', 'sms'] as const),
      approvalsUri: 'https://a.example/ciba',
      accountUri: 'https://id.example.com/account',
      sessionsUri: 'https://id.example.com/account/sessions',
      deviceName: deviceWordsOf,
      placeOf: () => undefined,
      titleOf: async (name) => (name === 'works' ? 'The works' : name),
      tellsOfNewDevices: true,
      keepsNotices: true,
      ...options,
    })
  const deliverWith = async (options: Parameters<typeof sinkOf>[0], ...events: StoredEvent[]) => {
    const sink = sinkOf(options)
    const all = () => listMessages(database.db, keyring, { limit: 100 })
    const before = new Set((await all()).map(({ id }) => id))
    await inTransaction(database.db, (tx) => sink.deliver(tx, events))
    return (await all())
      .filter(({ id }) => !before.has(id))
      .map(({ kind, recipient, locale, fields }) => ({ kind, recipient, locale, fields }))
  }
  const toAda = { recipient: 'ada@example.test', locale: 'de' }

  it('go to what is proven, and to an address that is not only where nothing is', async () => {
    const told = async (input: { email?: string; phone?: string; phoneVerified?: boolean }) => {
      const { id: accountId } = await createAccount({ db: database.db, clock }, input)
      const sent = await deliver(event('auth.password.changed', { accountId }))
      return sent.map(({ recipient }) => recipient)
    }
    const email = 'unproven@example.test'
    expect(await told({ email, phone: '+4930123457', phoneVerified: true })).to.deep.equal([
      '+4930123457',
    ])
    const other = 'unproven.too@example.test'
    expect(await told({ email: other, phone: '+4930123458' })).to.deep.equal([other])
  })

  for (const [type, data, kind, fields] of [
    ['auth.password.changed', {}, 'password_changed', {}],
    ['auth.factor.added', { factor: 'totp' }, 'factor_added', { factor: 'totp' }],
    ['auth.factor.removed', { factor: 'totp' }, 'factor_removed', { factor: 'totp' }],
    [
      'auth.factor.added',
      { factor: 'recovery_code' },
      'factor_added',
      { factor: 'recovery_codes' },
    ],
    [
      'auth.identity.linked',
      { connection: 'works', by: 'sign_in' },
      'identity_linked',
      { source: 'The works' },
    ],
    [
      'auth.identity.linked',
      { connection: 'gone', by: 'verified_email' },
      'identity_linked',
      { source: 'gone' },
    ],
    [
      'auth.identity.unlinked',
      { connection: 'works' },
      'identity_unlinked',
      { source: 'The works' },
    ],
    ['auth.recovery_code.used', { left: 9 }, 'recovery_code_used', { left: 9 }],
    [
      'auth.login.success',
      { newDevice: true, userAgent: 'Mozilla/5.0 (X11; Linux) Gecko/20100101 Firefox/140.0' },
      'new_device',
      {
        device: 'Firefox, Linux',
        at: '2026-03-01T10:00:00.000Z',
        link: 'https://id.example.com/account/sessions',
      },
    ],
    [
      'auth.account.deletion_scheduled',
      { at: '2026-03-15T10:00:00.000Z' },
      'account_deletion_scheduled',
      { at: '2026-03-15T10:00:00.000Z', link: 'https://id.example.com/account' },
    ],
    [
      'auth.account.inactivity_warned',
      { at: '2026-04-01T10:00:00.000Z', by: 'inactivity' },
      'inactive_warning',
      { at: '2026-04-01T10:00:00.000Z' },
    ],
    ['auth.token.reuse_detected', { clientId: 'shop' }, 'token_reuse', { client: 'shop' }],
  ] as const) {
    it(`tells of ${type} ${JSON.stringify(data)}, once`, async () => {
      const fact = event(type, { accountId: ada, ...data })
      expect(await deliver(fact)).to.deep.equal([{ kind, fields, ...toAda }])
      expect(await deliver(fact), 'delivered again').to.deep.equal([])
    })
  }

  it('tells mailbox and telephone of what was joined, and nobody of what an account was made with', async () => {
    const input = { email: 'both@example.test', emailVerified: true, phone: '+4930123499' }
    const deps = { db: database.db, clock }
    const { id: accountId } = await createAccount(deps, { ...input, phoneVerified: true })
    for (const type of ['auth.identity.linked', 'auth.identity.unlinked']) {
      const sent = await deliver(event(type, { accountId, connection: 'works', by: 'sign_in' }))
      expect(sent.map(({ recipient }) => recipient)).to.have.members([input.email, input.phone])
    }
    const made = event('auth.identity.linked', { accountId, connection: 'works', by: 'created' })
    expect(await deliver(made)).to.deep.equal([])
  })

  it('tells of an unusual sign-in once, by what was gravest, and not of the device besides', async () => {
    const signals = ['new_country', 'velocity', 'new_device']
    const fact = event('auth.login.success', { accountId: ada, newDevice: true, signals })
    const [told, ...others] = await deliver(fact)
    expect(others).to.deep.equal([])
    expect(told).to.include({ kind: 'unusual_sign_in' })
    expect(told!.fields).to.include({ reason: 'new_country' })
  })

  it('tells of no new device where the deployment has that off', async () => {
    const fact = event('auth.login.success', { accountId: ada, newDevice: true })
    expect(await deliverWith({ tellsOfNewDevices: false }, fact)).to.deep.equal([])
  })

  const kept = async (accountId: string) =>
    (await listNotices(database.db, keyring, { accountId, since: new Date(0), limit: 100 })).map(
      ({ kind, fields, readAt }) => ({ kind, fields, readAt }),
    )
  const accountOf = async (username: string) =>
    (await createAccount({ db: database.db, clock }, { username })).id

  it('keeps what it tells in the inbox, once, without its link, and without an address', async () => {
    const accountId = await accountOf('kept')
    const seen = event('auth.login.success', { accountId, newDevice: true }, '2026-03-01T10:00:00Z')
    const added = event('auth.factor.added', { accountId, factor: 'totp' })
    expect(await deliver(seen, added), 'mails').to.deep.equal([])
    await deliver(seen, added)
    const notices = await kept(accountId)
    expect(notices).to.have.deep.members([
      { kind: 'factor_added', fields: { factor: 'totp' }, readAt: undefined },
      {
        kind: 'new_device',
        fields: { device: deviceWordsOf(undefined), at: '2026-03-01T10:00:00.000Z' },
        readAt: undefined,
      },
    ])
    const [row] = await query<{ text: string }>(
      database.db,
      `SELECT string_agg(encode(fields_sealed, 'escape'), '') AS text FROM notice WHERE account_id = $1`,
      [accountId],
    )
    expect(row!.text, 'in the clear').not.to.include('totp')
  })

  it('keeps nothing where there is no inbox, and mails nothing where there is no mail', async () => {
    const accountId = await accountOf('unkept')
    const about = (id: string) => event('auth.password.changed', { accountId: id })
    const run = (options: Parameters<typeof sinkOf>[0], fact: StoredEvent) =>
      inTransaction(database.db, (tx) => sinkOf(options).deliver(tx, [fact]))
    await run({ keepsNotices: false }, about(accountId))
    expect(await kept(accountId)).to.deep.equal([])
    const mails = () => listMessages(database.db, keyring, { limit: 100 })
    const [before, had] = [await mails(), await kept(ada)]
    await run({ channels: new Set() }, about(ada))
    expect(await mails()).to.have.length(before.length)
    expect(await kept(ada)).to.have.length(had.length + 1)
  })

  it('keeps what applications cause and what undoes something out of the inbox', async () => {
    expect(isKept('approval_requested')).to.equal(false)
    expect(isKept('email_changed')).to.equal(false)
    expect(isKept('sign_in_code')).to.equal(false)
    const accountId = await accountOf('asked')
    await deliver(event('auth.approval.requested', { accountId, clientId: 'shop' }))
    expect(await kept(accountId)).to.deep.equal([])
  })

  it('keeps notices for so long, and as long as the account', async () => {
    const accountId = await accountOf('brief')
    await deliver(event('auth.password.changed', { accountId }))
    const now = clock.now()
    const yesterday = startOfInbox(now, 1)
    await deleteOldNotices(database.db, { before: yesterday, limit: 100 })
    expect(await kept(accountId)).to.have.length(1)
    const old = await listNotices(database.db, keyring, {
      accountId,
      since: now,
      limit: 1,
    })
    expect(old, 'ended').to.deep.equal([])
    expect(await deleteOldNotices(database.db, { before: now, limit: 100 })).to.be.greaterThan(0)
    expect(await kept(accountId)).to.deep.equal([])
    await deliver(event('auth.password.changed', { accountId }))
    await query(database.db, 'DELETE FROM account WHERE id = $1', [accountId])
    expect(await kept(accountId)).to.deep.equal([])
  })

  it('tells of a locked account once a day, however many guesses are refused', async () => {
    const locked = (at: string) => event('auth.user_locked', { accountId: ada }, at)
    const first = [locked('2026-03-02T10:00:00Z'), locked('2026-03-02T10:00:01Z')]
    expect(await deliver(...first, locked('2026-03-02T23:59:59Z'))).to.have.length(1)
    expect(await deliver(locked('2026-03-03T00:00:00Z'))).to.have.length(1)
  })

  it('says nothing of other events, to nobody, and of factors that it has no words for', async () => {
    expect(
      await deliver(
        event('auth.login.success', { accountId: ada, newDevice: false }),
        event('auth.password.changed', { accountId: nameless }),
        event('auth.password.changed', { accountId: '0190c9a0-0000-7000-8000-000000000000' }),
        event('auth.password.changed', {}),
        event('auth.factor.added', { accountId: ada, factor: 'implant' }),
      ),
    ).to.deep.equal([])
  })
})
