import { expect } from 'chai'
import { newId } from '../../../src/core/ids.ts'
import { createAccount } from '../../../src/domain/accounts/create_account.ts'
import { canonicalEmail } from '../../../src/domain/accounts/identifier.ts'
import type { MessageKind } from '../../../src/domain/messaging/kinds.ts'
import {
  allowAddress,
  createAddressProofs,
  isSuppressed,
  TRY_EVERY_S,
} from '../../../src/domain/messaging/undeliverable.ts'
import {
  claimTry,
  deleteExpiredReportTokens,
  insertReportToken,
  upsertUndeliverable,
} from '../../../src/domain/messaging/undeliverable_store.ts'
import {
  accountCreated,
  emailChanged,
  passwordChanged,
  signInSucceeded,
} from '../../../src/platform/events/catalogue.ts'
import type { AuthEvent } from '../../../src/platform/events/event.ts'
import { appendEvent } from '../../../src/platform/events/outbox.ts'
import { relayBatch } from '../../../src/platform/events/relay.ts'
import { inTransaction } from '../../../src/platform/persistence/db.ts'
import { type DomainDatabase, domainDatabase, keyring, movableClock } from '../domain_database.ts'

describe('addresses that mail comes back from', () => {
  let database: DomainDatabase
  let clock: ReturnType<typeof movableClock>
  let accountId: string
  const canonical = 'ada@example.test'
  const addressHash = keyring.hash('undeliverable_address', canonical)

  beforeEach(async () => {
    database = await domainDatabase()
    clock = movableClock()
    const { db } = database
    ;({ id: accountId } = await createAccount({ db, clock }, { email: 'Ada@Example.test' }))
    await relayBatch(db, [])
    await inTransaction(db, (tx) =>
      upsertUndeliverable(tx, {
        addressHash,
        reason: 'hard_bounce',
        transport: 'ses',
        at: clock.now(),
      }),
    )
  })
  afterEach(() => database.close())

  const isKept = (
    recipient = 'ADA@example.test',
    channel: 'email' | 'sms' = 'email',
    kind: MessageKind = 'password_changed',
  ) =>
    isSuppressed({ db: database.db, keyring, canonicalEmail, clock }, { kind, channel, recipient })
  async function heard(event: AuthEvent): Promise<void> {
    await appendEvent(database.db, event)
    const deliver = createAddressProofs({ keyring })
    while ((await relayBatch(database.db, [deliver])) > 0);
  }
  const signIn = (amr: string[]) =>
    signInSucceeded({
      accountId,
      clientId: newId(),
      acr: '1',
      amr,
    } as Parameters<typeof signInSucceeded>[0])

  it('are known however they are written, and no other is', async () => {
    expect(await isKept()).to.equal(true)
    expect(await isKept('ada@EXAMPLE.TEST')).to.equal(true)
    expect(await isKept('ada@example.com')).to.equal(false)
    expect(await isKept('+4930123456', 'sms')).to.equal(false)
  })

  for (const [name, event] of [
    ['signs in by a mail', () => signIn(['email'])],
    ['changes to it by a code', () => emailChanged({ accountId, by: 'owner' } as never)],
    ['recovers the password by it', () => passwordChanged({ accountId, by: 'recovery' } as never)],
    ['signs up with it', () => accountCreated({ accountId, by: 'sign_up' } as never)],
  ] as const) {
    it(`are written to again when their owner ${name}`, async () => {
      await heard(event())
      expect(await isKept()).to.equal(false)
    })
  }

  for (const [name, event] of [
    ['signs in by a password', () => signIn(['pwd'])],
    ['changes the password knowing it', () => passwordChanged({ accountId, by: 'owner' } as never)],
    ['is created by an operator', () => accountCreated({ accountId, by: 'cli' } as never)],
    ['is another', () => passwordChanged({ accountId: newId(), by: 'recovery' } as never)],
  ] as const) {
    it(`stay as they are when somebody ${name}`, async () => {
      await heard(event())
      expect(await isKept()).to.equal(true)
    })
  }

  for (const kind of ['reset_password', 'second_factor_code'] as const) {
    it(`get a ${kind} once an hour all the same: nobody is locked out`, async () => {
      clock.advance(TRY_EVERY_S)
      expect(await isKept(undefined, 'email', kind)).to.equal(false)
      expect(await isKept(undefined, 'email', kind)).to.equal(true)
      clock.advance(TRY_EVERY_S)
      expect(await isKept(undefined, 'email', kind)).to.equal(false)
    })
  }

  it('are allowed once, and it is said so', async () => {
    const allow = () =>
      inTransaction(database.db, (tx) => allowAddress({ keyring }, tx, { canonical, by: 'cli' }))
    expect(await allow()).to.equal(true)
    expect(await allow()).to.equal(false)
    const told: unknown[] = []
    const sink = {
      name: 'test',
      async deliver(_: unknown, events: readonly { type: string; data: unknown }[]) {
        for (const { type, data } of events) told.push({ type, data })
      },
    }
    while ((await relayBatch(database.db, [sink])) > 0);
    expect(told.filter((event) => /allowed/.test(JSON.stringify(event)))).to.deep.equal([
      { type: 'auth.message.address_allowed', data: { by: 'cli' } },
    ])
  })

  it('are tried by one of many at once', async () => {
    clock.advance(TRY_EVERY_S)
    const now = clock.now()
    const before = new Date(now.getTime() - TRY_EVERY_S * 1000)
    const tried = await Promise.all(
      Array.from({ length: 5 }, () => claimTry(database.db, { addressHash, now, before })),
    )
    expect(tried.filter(Boolean)).to.have.length(1)
  })

  it('keep the tokens of reports until these can no longer be told', async () => {
    const { db } = database
    const token = { tokenHash: Buffer.alloc(32, 1), expiresAt: clock.now() }
    const insert = () => inTransaction(db, (tx) => insertReportToken(tx, token))
    expect([await insert(), await insert()]).to.deep.equal([true, false])
    expect(await deleteExpiredReportTokens(db, { now: clock.now(), limit: 10 })).to.equal(1)
    expect(await insert()).to.equal(true)
  })
})
