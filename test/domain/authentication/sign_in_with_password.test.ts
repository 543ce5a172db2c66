import { expect } from 'chai'
import { DomainError } from '../../../src/core/errors.ts'
import { disableAccount } from '../../../src/domain/accounts/block_account.ts'
import { createAccount } from '../../../src/domain/accounts/create_account.ts'
import {
  type Attempt,
  completeAttempt,
  deleteAttempt,
  deleteAttemptsOfAccount,
  deleteExpiredAttempts,
  upsertAttempt,
} from '../../../src/domain/authentication/attempt_store.ts'
import { endProofs } from '../../../src/domain/authentication/end_proofs.ts'
import {
  type SignInDeps,
  type SignInInput,
  type SignInReservation,
  signInWithPassword,
} from '../../../src/domain/authentication/sign_in_with_password.ts'
import {
  createPasswordHasher,
  type PasswordHasher,
} from '../../../src/domain/credentials/password/password_hash.ts'
import { findPassword } from '../../../src/domain/credentials/password/password_store.ts'
import { setPassword } from '../../../src/domain/credentials/password/set_password.ts'
import { factorAccepted, signInSucceeded } from '../../../src/platform/events/catalogue.ts'
import { inTransaction, query } from '../../../src/platform/persistence/db.ts'
import { eventually } from '../../support/eventually.ts'
import {
  codeOf,
  type DomainDatabase,
  domainDatabase,
  eventTypes,
  findAttempt,
  keyring,
  movableClock,
  statementsOf,
} from '../domain_database.ts'

const CHEAP = { memoryKib: 1024, passes: 1, parallelism: 1 }
const RIGHT = 'correct horse'

describe('domain/authentication/sign_in_with_password', function () {
  this.timeout(60_000)
  let database: DomainDatabase
  let db: DomainDatabase['db']
  let ada: string
  let disabled: string
  const hasher = createPasswordHasher(CHEAP)

  before(async () => {
    database = await domainDatabase()
    db = database.db
    const deps = { db, clock: movableClock() }
    const passwordHash = await hasher.hash(RIGHT)
    const email = 'ada@example.com'
    ada = (await createAccount(deps, { username: 'ada', email, passwordHash })).id
    disabled = (await createAccount(deps, { username: 'disabled', passwordHash })).id
    await disableAccount(deps, disabled)
    await createAccount(deps, { username: 'without' })
  })
  after(() => database?.close())

  /** The use-case with everything it does to the hasher and the limits written down. */
  function setUp(overrides: Partial<SignInDeps> = {}) {
    const verified: (string | undefined)[] = []
    const reserved: SignInReservation[] = []
    const refunded: SignInReservation[] = []
    const released: SignInReservation[] = []
    const passwords: PasswordHasher = {
      hash: hasher.hash,
      verify: (phc, password) => {
        verified.push(phc)
        return hasher.verify(phc, password)
      },
    }
    const limits: SignInDeps['limits'] = {
      reserve: async (input) => {
        reserved.push(input)
        return { allowed: true }
      },
      refund: async (input) => void refunded.push(input),
      forget: async () => {},
      release: async (input) => void released.push(input),
    }
    const clock = movableClock(new Date())
    const deps: SignInDeps = { db, clock, keyring, passwords, limits, ...overrides }
    const signIn = (input: Partial<SignInInput> = {}) =>
      signInWithPassword(deps, {
        identifier: 'ada',
        password: RIGHT,
        interactionUid: 'interaction-1',
        clientId: 'shop',
        remember: false,
        origin: { ip: '203.0.113.7' },
        ...input,
      })
    return { deps, clock, verified, reserved, refunded, released, signIn }
  }

  it('signs in by username or address, and records the attempt and the event', async () => {
    const { signIn, clock, reserved, refunded, deps } = setUp()
    for (const identifier of ['ADA', ' Ada@Example.com ']) {
      const result = await signIn({ identifier, remember: true })
      expect(result).to.deep.equal({ kind: 'signed_in', accountId: ada })
    }
    expect(reserved).to.deep.equal(refunded)
    expect(reserved[0]).to.deep.equal({ accountKey: ada, deviceTrusted: false, ip: '203.0.113.7' })
    expect(await findAttempt(db, deps.keyring, 'interaction-1', clock.now())).to.deep.include({
      accountId: ada,
      remember: true,
      authenticatedAt: clock.now(),
    })
    expect((await eventTypes(db, ada)).at(-1)).to.equal('auth.login.factor_accepted')
  })

  it('refuses everybody else with one answer', async () => {
    for (const input of [
      { password: 'wrong horse' },
      { password: '' },
      { password: 'x'.repeat(100_000) },
      { identifier: 'nobody' },
      { identifier: 'nobody@example.com' },
      { identifier: '' },
      { identifier: 'not a name \u202E' },
      { identifier: 'disabled' },
      { identifier: 'without' },
    ]) {
      const { signIn, refunded } = setUp()
      expect(await signIn(input)).to.deep.equal({ kind: 'refused', reason: 'invalid_credentials' })
      expect(refunded).to.be.empty
    }
  })

  it('does the same work for nobody, a disabled account, one without password and a wrong one', async () => {
    const work = new Set<string>()
    for (const [identifier, phc] of [
      ['ada', (await findPassword(db, ada))!.phc],
      ['nobody', undefined],
      ['disabled', undefined],
      ['without', undefined],
    ] as const) {
      const { signIn, verified, reserved } = setUp()
      const statements = await statementsOf(() => signIn({ identifier, password: 'wrong horse' }))
      expect(verified).to.deep.equal([phc])
      expect(reserved).to.have.length(1)
      work.add(statements.join('\n'))
    }
    expect(work.size).to.equal(1)
  })

  it('keeps no identifier in the event of a failure, and the account only where there is one', async () => {
    const { signIn } = setUp()
    await signIn({ identifier: 'secret.typed.here' })
    await signIn({ password: 'wrong horse' })
    const rows = await query<{
      subject: string | null
      data: Record<string, unknown>
      text: string
    }>(
      db,
      `SELECT subject, data, data::text AS text FROM event_outbox
        WHERE type = 'auth.login.failed' ORDER BY id DESC LIMIT 2`,
    )
    expect(rows[1]!.subject).to.equal(null)
    expect(rows[1]!.text).not.to.contain('secret.typed.here')
    expect(rows[1]!.data).to.deep.equal({
      clientId: 'shop',
      reason: 'unknown_identifier',
      ip: '203.0.113.7',
    })
    expect(rows[0]!.data).to.include({ accountId: ada, reason: 'wrong_password' })
  })

  it('counts unknown names per name, under a key that does not tell them', async () => {
    const { signIn, reserved } = setUp()
    for (const identifier of ['Nobody', 'nobody', 'somebody']) await signIn({ identifier })
    const keys = reserved.map(({ accountKey }) => accountKey)
    expect(keys[0]).to.equal(keys[1])
    expect(keys[0]).not.to.equal(keys[2])
    expect(keys.join()).not.to.match(/body/i)
  })

  it('trusts the device only for the account it has signed in to', async () => {
    const { signIn, reserved } = setUp()
    await signIn({ deviceTrustedFor: [ada] })
    await signIn({ deviceTrustedFor: ['x', disabled] })
    await signIn({ deviceTrustedFor: [ada], identifier: 'nobody' })
    expect(reserved.map(({ deviceTrusted }) => deviceTrusted)).to.deep.equal([true, false, false])
  })

  it('checks no password where the limit is reached, right or wrong', async () => {
    const reserve = async () => ({ allowed: false as const, retryAfterS: 30 })
    const { signIn, verified, clock } = setUp({
      limits: { reserve, refund: async () => {}, forget: async () => {} },
    })
    const input = { interactionUid: 'throttled' }
    expect(await signIn(input)).to.deep.equal({ kind: 'throttled', retryAfterS: 30 })
    expect(verified).to.be.empty
    expect(await findAttempt(db, keyring, 'throttled', clock.now())).to.equal(undefined)
    expect((await eventTypes(db, ada)).at(-1)).to.equal('auth.login.throttled')
  })

  it('hands throttled tries to the recorder where there is one', async () => {
    const recorded: string[] = []
    const reserve = async () => ({ allowed: false as const, retryAfterS: 30 })
    const { signIn } = setUp({
      limits: { reserve, refund: async () => {}, forget: async () => {} },
      recorder: { record: ({ type }) => recorded.push(type) },
    })
    expect(await statementsOf(signIn)).to.have.length(1)
    expect(recorded).to.deep.equal(['auth.login.throttled'])
  })

  it('takes back a try that could not be checked, and forgets none before it', async () => {
    const verify = () => Promise.reject(new DomainError('unavailable', 'The server is busy.'))
    const { signIn, refunded, released, reserved } = setUp({ passwords: { ...hasher, verify } })
    expect(await codeOf(() => signIn({ password: 'wrong horse' }))).to.equal('unavailable')
    expect(released).to.deep.equal(reserved)
    expect(refunded).to.be.empty
  })

  it('makes the hash anew where the parameters have changed, also for two at once', async () => {
    const before = (await findPassword(db, ada))!
    const stronger = createPasswordHasher({ ...CHEAP, passes: 2, concurrency: 3 })
    const { signIn } = setUp({ passwords: stronger })
    const results = await Promise.all(
      ['a', 'b', 'c', 'd'].map((uid) => signIn({ interactionUid: uid })),
    )
    expect(results.map(({ kind }) => kind)).to.deep.equal(Array(4).fill('signed_in'))
    const after = (await findPassword(db, ada))!
    expect(after.phc).to.contain('t=2').and.not.to.equal(before.phc)
    expect(after.changedAt).to.deep.equal(before.changedAt)
    expect((await signIn()).kind).to.equal('signed_in')
  })

  for (const [title, interfere] of [
    [
      'the password is changed',
      (deps: SignInDeps, accountId: string) =>
        setPassword({ ...deps, endProofs }, { accountId, password: 'battery staple lantern' }),
    ],
    [
      'the account is disabled',
      (deps: SignInDeps, accountId: string) => disableAccount(deps, accountId),
    ],
  ] as const) {
    it(`refuses where ${title} while the password is being checked`, async () => {
      const username = title.replaceAll(' ', '-')
      const passwordHash = await hasher.hash(RIGHT)
      const { id } = await createAccount({ db, clock: movableClock() }, { username, passwordHash })
      const passwords: PasswordHasher = {
        hash: hasher.hash,
        verify: async (phc, password) => {
          const result = await hasher.verify(phc, password)
          await interfere({ ...setUp().deps, passwords: hasher }, id)
          return result
        },
      }
      const { signIn, clock } = setUp({ passwords })
      const result = await signIn({ identifier: username, interactionUid: username })
      expect(result.kind).to.equal('refused')
      expect(await findAttempt(db, keyring, username, clock.now())).to.equal(undefined)
      expect(await eventTypes(db, id)).not.to.include('auth.login.factor_accepted')
    })
  }

  it('waits for whoever is about to disable the account, and then refuses', async () => {
    const passwordHash = await hasher.hash(RIGHT)
    const username = 'about-to-be-disabled'
    const { id } = await createAccount({ db, clock: movableClock() }, { username, passwordHash })
    const { signIn } = setUp()
    const [result] = await inTransaction(db, async (tx) => {
      await query(tx, `UPDATE account SET status = 'disabled' WHERE id = $1`, [id])
      const signingIn = signIn({ identifier: username, interactionUid: username })
      await eventually(async () => {
        const waiting = `SELECT 1 FROM pg_stat_activity
          WHERE wait_event_type = 'Lock' AND query LIKE '%held_password%'`
        expect(await query(db, waiting)).to.have.length(1)
      })
      return [signingIn]
    })
    expect((await result).kind).to.equal('refused')
    expect(await eventTypes(db, id)).not.to.include('auth.login.factor_accepted')
  })

  describe('the attempt', () => {
    const now = new Date('2026-01-01T00:00:00Z')
    const attempt = (minutes: number): Attempt => ({
      accountId: ada,
      methods: ['password'],
      acr: 'urn:authcore:acr:pwd',
      amr: ['pwd'],
      remember: false,
      authenticatedAt: now,
      expiresAt: new Date(now.getTime() + minutes * 60_000),
    })

    const proven = () => [factorAccepted({ accountId: ada, clientId: 'app', method: 'password' })]

    it('is found by its interaction alone, until it expires, and consumed once', async () => {
      await upsertAttempt(db, keyring, 'uid', attempt(15), proven())
      expect(await findAttempt(db, keyring, 'uid', now)).to.deep.equal(attempt(15))
      expect(await findAttempt(db, keyring, 'other', now)).to.equal(undefined)
      expect(await findAttempt(db, keyring, 'uid', attempt(15).expiresAt)).to.equal(undefined)
      const consumed = await Promise.all([1, 2, 3].map(() => deleteAttempt(db, keyring, 'uid')))
      expect(consumed.filter(Boolean)).to.deep.equal([attempt(15)])
    })

    it('is completed once, and the trail is told once which sign-in it was', async () => {
      const account = await createAccount({ db, clock: movableClock() }, { username: 'newcomer' })
      const told = (newDevice: boolean) =>
        signInSucceeded({ accountId: account.id, clientId: 'app', acr: '1', amr: [], newDevice })
      const news: unknown[] = []
      for (const uid of ['first', 'again']) {
        await upsertAttempt(db, keyring, uid, { ...attempt(15), accountId: account.id }, proven())
        const input = { now, first: told(false), again: told(true) }
        const completed = await Promise.all(
          [1, 2, 3].map(() => completeAttempt(db, keyring, uid, input)),
        )
        expect(completed.filter(Boolean)).to.have.length(1)
        const events = await query<{ new_device: unknown }>(
          db,
          `SELECT data->'newDevice' AS new_device FROM event_outbox
            WHERE subject = $1 AND type = 'auth.login.success' ORDER BY id`,
          [account.id],
        )
        news.push(events.map((event) => event.new_device))
      }
      expect(news).to.deep.equal([[false], [false, true]])
    })

    it('stores no interaction id', async () => {
      await upsertAttempt(db, keyring, 'plain-uid', attempt(15), proven())
      const rows = await query<{ text: string }>(
        db,
        `SELECT encode(interaction_hash, 'escape') AS text FROM authentication_attempt`,
      )
      expect(rows.map(({ text }) => text).join()).not.to.contain('plain-uid')
    })

    it('is removed when it has expired, each once, and with the access of its account', async () => {
      await deleteAttemptsOfAccount(db, ada)
      for (let i = 0; i < 30; i += 1) {
        await upsertAttempt(db, keyring, `old-${i}`, attempt(-1), proven())
      }
      await upsertAttempt(db, keyring, 'live', attempt(15), proven())
      const removed = await Promise.all(
        [1, 2, 3, 4].map(() => deleteExpiredAttempts(db, { now, limit: 10 })),
      )
      const rest = await deleteExpiredAttempts(db, { now, limit: 100 })
      expect(removed.reduce((sum, n) => sum + n, rest)).to.equal(30)
      expect(await findAttempt(db, keyring, 'live', now)).not.to.equal(undefined)
      await deleteAttemptsOfAccount(db, ada)
      expect(await findAttempt(db, keyring, 'live', now)).to.equal(undefined)
    })
  })

  it('leaves a try counted where the limits cannot take back a single one', async () => {
    const verify = () => Promise.reject(new Error('broken'))
    const { deps, refunded } = setUp()
    const { reserve, refund } = deps.limits
    const broken = setUp({
      passwords: { ...hasher, verify },
      limits: { reserve, refund, forget: async () => {} },
    })
    expect(await broken.signIn().catch((error: Error) => error.message)).to.equal('broken')
    expect(refunded).to.be.empty
  })
})
