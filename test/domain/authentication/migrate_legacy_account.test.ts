import { expect } from 'chai'
import { DomainError } from '../../../src/core/errors.ts'
import { getAccountById } from '../../../src/domain/accounts/account_store.ts'
import { disableAccount } from '../../../src/domain/accounts/block_account.ts'
import { createAccount } from '../../../src/domain/accounts/create_account.ts'
import { createLegacyHook } from '../../../src/domain/authentication/legacy_hook.ts'
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
import { query } from '../../../src/platform/persistence/db.ts'
import { closeAll, makeOutbound } from '../../platform/outbound/support.ts'
import { type LegacySystemUnderTest, startLegacySystem } from '../../support/legacy_system.ts'
import {
  codeOf,
  type DomainDatabase,
  domainDatabase,
  eventTypes,
  keyring,
  movableClock,
  statementsOf,
} from '../domain_database.ts'

const CHEAP = { memoryKib: 1024, passes: 1, parallelism: 1 }
/** No new password may be so short. */
const RIGHT = 'tulip'
const WRONG = 'wrong rose'

describe('domain/authentication/migrate_legacy_account', function () {
  this.timeout(60_000)
  let database: DomainDatabase
  let db: DomainDatabase['db']
  let legacy: LegacySystemUnderTest
  const hasher = createPasswordHasher({ ...CHEAP, concurrency: 3 })

  before(async () => {
    database = await domainDatabase()
    db = database.db
  })
  after(() => database?.close())
  beforeEach(async () => {
    legacy = await startLegacySystem()
  })
  afterEach(async () => {
    legacy.stop()
    await closeAll()
  })

  function setUp(overrides: Partial<SignInDeps> = {}) {
    const verified: (string | undefined)[] = []
    const reserved: SignInReservation[] = []
    const refunded: SignInReservation[] = []
    const released: SignInReservation[] = []
    const warned: object[] = []
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
    const { request } = makeOutbound({ allow: [legacy.address] }).outbound
    const { uri: url, secret } = legacy
    const deps: SignInDeps = {
      db,
      clock,
      keyring,
      passwords,
      limits,
      legacy: {
        system: createLegacyHook({ request, clock, url, secret, timeoutMs: 300 }),
        log: { warn: (fields, message) => void warned.push({ ...fields, message }) },
      },
      ...overrides,
    }
    const signIn = (identifier: string, input: Partial<SignInInput> = {}) =>
      signInWithPassword(deps, {
        identifier,
        password: RIGHT,
        interactionUid: `interaction of ${identifier}`,
        clientId: 'shop',
        remember: false,
        origin: { ip: '203.0.113.7' },
        ...input,
      })
    return { deps, verified, reserved, refunded, released, warned, signIn }
  }

  const knows = (identifier: string, account: object, answer: object = { account }) =>
    legacy.people.set(identifier, { password: RIGHT, answer })
  const asks = () => legacy.asked.map(({ body }) => JSON.parse(body) as object)
  const accounts = async () =>
    (await query<{ n: string }>(db, 'SELECT count(*) AS n FROM account'))[0]!.n
  const lastFailure = async () =>
    (
      await query<{ subject: string | null; reason: string; text: string }>(
        db,
        `SELECT subject, data->>'reason' AS reason, data::text AS text FROM event_outbox
          WHERE type = 'auth.login.failed' ORDER BY id DESC LIMIT 1`,
      )
    )[0]!

  it('makes the account of somebody whom only the other system knows, and signs in', async () => {
    const claims = { name: 'Ada Lovelace', locale: 'en-GB' }
    const account = { username: 'Ada', email: 'ada@example.com', emailVerified: true, claims }
    knows('Ada@Example.com', account)
    const { signIn, reserved, refunded, warned } = setUp()
    const result = await signIn(' Ada@Example.com ')
    if (result.kind !== 'signed_in') throw new Error(result.kind)
    const { accountId: id } = result
    const made = await getAccountById(db, id)
    expect(made).to.deep.include({ status: 'active', ...account })
    expect(asks()).to.deep.equal([{ identifier: 'Ada@Example.com', password: RIGHT }])
    expect(refunded).to.deep.equal(reserved).and.to.have.length(1)
    expect(warned).to.be.empty
    expect((await findPassword(db, id))!.phc).to.match(/^\$argon2id\$/)
    expect(await eventTypes(db, id)).to.deep.equal([
      'auth.user_created',
      'auth.login.factor_accepted',
    ])
    const [created] = await query<{ data: object }>(
      db,
      `SELECT data FROM event_outbox WHERE subject = $1 AND type = 'auth.user_created'`,
      [id],
    )
    expect(created!.data).to.deep.equal({ accountId: id, by: 'legacy' })
  })

  it('asks about nobody twice: from then on the password is the one that is kept here', async () => {
    knows('second', { username: 'second' })
    const { signIn } = setUp()
    await signIn('second')
    legacy.people.set('second', { password: WRONG, answer: { account: { username: 'second' } } })
    expect((await signIn('SECOND')).kind).to.equal('signed_in')
    expect((await signIn('second', { password: WRONG })).kind).to.equal('refused')
    expect(legacy.asked).to.have.length(1)
    expect((await lastFailure()).reason).to.equal('wrong_password')
  })

  it('asks about nobody who is here, whatever is wrong', async () => {
    const deps = { db, clock: movableClock() }
    await createAccount(deps, { username: 'here', passwordHash: await hasher.hash(RIGHT) })
    await createAccount(deps, { username: 'without' })
    const { id } = await createAccount(deps, { username: 'blocked' })
    await disableAccount(deps, id)
    const { signIn } = setUp()
    for (const name of ['here', 'without', 'blocked']) {
      knows(name, { username: name })
      expect((await signIn(name, { password: WRONG })).kind, name).to.equal('refused')
    }
    expect(legacy.asked).to.be.empty
  })

  it('asks nothing that cannot be a name or a password', async () => {
    const { signIn } = setUp()
    for (const [name, password] of [
      ['', RIGHT],
      ['not a name \u202E', RIGHT],
      ['nobody', ''],
      ['nobody', 'x'.repeat(257)],
      ['nobody', 'a\0b'],
    ] as const) {
      expect((await signIn(name, { password })).kind).to.equal('refused')
    }
    expect(legacy.asked).to.be.empty
  })

  it('asks nothing while the limits or the hasher refuse', async () => {
    knows('patient', { username: 'patient' })
    const { deps } = setUp()
    const reserve = async () => ({ allowed: false, retryAfterS: 30 }) as const
    const throttled = setUp({ limits: { ...deps.limits, reserve } })
    expect((await throttled.signIn('patient')).kind).to.equal('throttled')
    const verify = () => Promise.reject(new DomainError('unavailable', 'The server is busy.'))
    const busy = setUp({ passwords: { hash: hasher.hash, verify } })
    expect(await codeOf(() => busy.signIn('patient'))).to.equal('unavailable')
    expect(busy.released).to.deep.equal(busy.reserved)
    expect(legacy.asked).to.be.empty
  })

  it('refuses a wrong password and a stranger as it does without another system', async () => {
    knows('careful', { username: 'careful' })
    const plain = setUp({ legacy: undefined })
    const refused = { kind: 'refused', reason: 'invalid_credentials' }
    const statements = await statementsOf(() => plain.signIn('nobody', { password: WRONG }))
    expect(legacy.asked).to.be.empty
    for (const name of ['careful', 'nobody']) {
      const { signIn, verified, refunded, warned } = setUp()
      const own = await statementsOf(async () =>
        expect(await signIn(name, { password: WRONG })).to.deep.equal(refused),
      )
      expect(own).to.deep.equal(statements)
      expect(verified).to.deep.equal([undefined])
      expect([...refunded, ...warned]).to.be.empty
      expect(await lastFailure()).to.include({ subject: null, reason: 'unknown_identifier' })
    }
    expect(legacy.asked).to.have.length(2)
  })

  it('makes one account of ten sign-ins at once, and all of them get in', async () => {
    const account = { username: 'crowd', email: 'crowd@example.com' }
    knows('crowd', account)
    knows('crowd@example.com', account)
    const { signIn } = setUp()
    const before = await accounts()
    const results = await Promise.all(
      Array.from({ length: 10 }, (_, n) =>
        signIn(n % 2 ? 'crowd' : 'crowd@example.com', { interactionUid: `crowd-${n}` }),
      ),
    )
    const ids = results.map((result) => result.kind === 'signed_in' && result.accountId)
    expect(new Set(ids)).to.have.property('size', 1)
    expect(ids[0]).to.be.a('string')
    expect(Number(await accounts())).to.equal(Number(before) + 1)
    const events = await eventTypes(db, String(ids[0]))
    expect(events.filter((type) => type === 'auth.user_created')).to.have.length(1)
  })

  it('lets the account decide that somebody made under the name meanwhile', async () => {
    knows('overtaken', { username: 'overtaken' })
    const { deps, signIn } = setUp()
    const { system, log } = deps.legacy!
    deps.legacy = {
      log,
      system: {
        async verify(input) {
          const passwordHash = await hasher.hash('of another person')
          await createAccount(deps, { username: 'overtaken', passwordHash })
          return await system.verify(input)
        },
      },
    }
    expect((await signIn('overtaken')).kind).to.equal('refused')
    expect((await lastFailure()).reason).to.equal('wrong_password')
  })

  describe('takes no account from an answer', () => {
    const claim = (name: string) => [name, '\u{1F337}'.repeat(255)]
    const address = { formatted: '\u20ac'.repeat(1_000), street_address: '\u20ac'.repeat(1_000) }
    const names = ['name', 'given_name', 'family_name', 'middle_name', 'nickname', 'gender']
    const urls = ['profile', 'picture', 'website'].map((name) => [
      name,
      `https://example.com/${'x'.repeat(2_000)}`,
    ])
    const tooLarge = { address, ...Object.fromEntries([...names.map(claim), ...urls]) }
    const ANSWERS: [why: string, answer: unknown][] = [
      ['that is no JSON', undefined],
      ['without an account', {}],
      ['that is a list', []],
      ['with a member that is not known', { account: { username: 'odd' }, ok: true }],
      ['with an account that has one', { account: { username: 'odd', password: RIGHT } }],
      ['of another type', { account: { username: 'odd', emailVerified: 'yes' } }],
      ['with null', { account: { username: 'odd', email: null } }],
      ['without identifiers', { account: {} }],
      ['about somebody else', { account: { username: 'even', email: 'odd@example.com' } }],
      ['with an address that is none', { account: { username: 'odd', email: 'odd@' } }],
      ['with a claim that is none of ours', { account: { username: 'odd', claims: { role: 1 } } }],
      ['with NUL', { account: { username: 'odd', claims: { name: 'a\0b' } } }],
      ['with claims larger than we keep', { account: { username: 'odd', claims: tooLarge } }],
      ['that is too large', { account: { username: 'odd', claims: { name: 'x'.repeat(70_000) } } }],
    ]
    for (const [why, answer] of ANSWERS) {
      it(why, async () => {
        const { signIn, warned, refunded, verified } = setUp()
        legacy.answer = (response) =>
          response.end(answer === undefined ? `<p>${RIGHT}` : JSON.stringify(answer))
        const before = await accounts()
        const result = await signIn('odd')
        expect(result).to.deep.equal({ kind: 'refused', reason: 'invalid_credentials' })
        expect(await accounts()).to.equal(before)
        const reason = 'legacy_invalid'
        const failure = await lastFailure()
        expect(failure).to.include({ subject: null, reason })
        expect(warned).to.have.length(1)
        expect(warned[0]).to.include({ reason })
        expect(failure.text + JSON.stringify(warned)).not.to.include(RIGHT)
        expect(verified).to.deep.equal([undefined])
        expect(refunded).to.be.empty
      })
    }

    it('with an address that somebody has here, who keeps it', async () => {
      const deps = { db, clock: movableClock() }
      const { id } = await createAccount(deps, { email: 'taken@example.com' })
      knows('rival', { username: 'rival', email: 'Taken@example.com', emailVerified: true })
      const { signIn, warned } = setUp()
      expect((await signIn('rival')).kind).to.equal('refused')
      expect(await lastFailure()).to.include({ subject: null, reason: 'legacy_invalid' })
      expect(JSON.stringify(warned)).not.to.include('taken@')
      expect(await eventTypes(db, id)).to.deep.equal(['auth.user_created'])
      expect(await findPassword(db, id)).to.equal(undefined)
    })
  })

  for (const [why, answer] of [
    ['says 500', (response) => response.writeHead(500).end()],
    ['says 403', (response) => response.writeHead(403).end()],
    ['says 204', (response) => response.writeHead(204).end()],
    ['sends us elsewhere', (response) => response.writeHead(307, { location: '/other' }).end()],
    ['says nothing', () => {}],
    ['stops in the middle', (response) => response.write('{"account"')],
    ['hangs up', (response) => response.destroy()],
  ] satisfies [string, NonNullable<LegacySystemUnderTest['answer']>][]) {
    it(`refuses, and says so to the trail and the log, where the system ${why}`, async () => {
      legacy.answer = answer
      const { signIn, warned, refunded, released } = setUp()
      expect(await signIn('unlucky')).to.deep.equal({
        kind: 'refused',
        reason: 'invalid_credentials',
      })
      expect(await lastFailure()).to.include({ subject: null, reason: 'legacy_unavailable' })
      expect(warned).to.have.length(1)
      expect(JSON.stringify(warned)).to.include('legacy_unavailable').and.not.to.include(RIGHT)
      expect([...refunded, ...released]).to.be.empty
    })
  }

  it('refuses where nobody listens', async () => {
    const { signIn } = setUp()
    legacy.stop()
    expect((await signIn('unlucky')).kind).to.equal('refused')
    expect((await lastFailure()).reason).to.equal('legacy_unavailable')
  })
})
