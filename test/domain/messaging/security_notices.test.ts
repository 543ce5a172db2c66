import { expect } from 'chai'
import { createAccount } from '../../../src/domain/accounts/create_account.ts'
import { listMessages } from '../../../src/domain/messaging/message_store.ts'
import { createSecurityNotices } from '../../../src/domain/messaging/security_notices.ts'
import { deviceWordsOf } from '../../../src/domain/sessions/device_name.ts'
import type { StoredEvent } from '../../../src/platform/events/relay.ts'
import { createJobQueue, type JobQueue } from '../../../src/platform/jobs/queue.ts'
import { inTransaction } from '../../../src/platform/persistence/db.ts'
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
  const deliverWith = async (settings: object, ...events: StoredEvent[]) => {
    const sink = createSecurityNotices({
      keyring,
      jobs,
      clock,
      channels: new Set(['email', 'sms'] as const),
      approvalsUri: 'https://a.example/ciba',
      accountUri: 'https://id.example.com/account',
      sessionsUri: 'https://id.example.com/account/sessions',
      deviceName: deviceWordsOf,
      placeOf: () => undefined,
      tellsOfNewDevices: true,
      ...settings,
    })
    const all = () => listMessages(database.db, keyring, { limit: 100 })
    const before = new Set((await all()).map(({ id }) => id))
    await inTransaction(database.db, (tx) => sink.deliver(tx, events))
    return (await all())
      .filter(({ id }) => !before.has(id))
      .map(({ kind, recipient, locale, fields }) => ({ kind, recipient, locale, fields }))
  }
  const toAda = { recipient: 'ada@example.test', locale: 'de' }

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
