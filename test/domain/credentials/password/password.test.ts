import { expect } from 'chai'
import { getAccountById } from '../../../../src/domain/accounts/account_store.ts'
import { createAccount } from '../../../../src/domain/accounts/create_account.ts'
import { createPasswordHasher } from '../../../../src/domain/credentials/password/password_hash.ts'
import { findPassword } from '../../../../src/domain/credentials/password/password_store.ts'
import { setPassword } from '../../../../src/domain/credentials/password/set_password.ts'
import {
  codeOf,
  type DomainDatabase,
  domainDatabase,
  eventTypes,
  movableClock,
} from '../../domain_database.ts'

const CHEAP = { memoryKib: 1024, passes: 1, parallelism: 1 }
const passwords = createPasswordHasher(CHEAP)

describe('domain/credentials/password/password_hash', () => {
  it('makes a salted PHC string of Argon2id with its parameters', async () => {
    const [one, other] = await Promise.all([
      passwords.hash('correct horse'),
      passwords.hash('correct horse'),
    ])
    expect(one).to.match(/^\$argon2id\$v=19\$m=1024,t=1,p=1\$[\w+/]{22}\$[\w+/]{43}$/)
    expect(one).not.to.equal(other)
    expect(await passwords.verify(one, 'correct horse')).to.deep.equal({ ok: true, rehash: false })
    expect(await passwords.verify(one, 'Correct horse')).to.deep.equal({ ok: false, rehash: false })
  })

  it('takes the same password however its letters were composed', async () => {
    const phc = await passwords.hash('pa\u00DFw\u00F6rter')
    expect((await passwords.verify(phc, 'pa\u00DFwo\u0308rter')).ok).to.equal(true)
    expect((await passwords.verify(phc, 'passw\u00F6rter')).ok).to.equal(false)
  })

  it('folds nothing else: spaces, case and width count', async () => {
    const phc = await passwords.hash(' Pass word ')
    for (const other of ['Pass word', ' pass word ', ' Pass  word ', ' Ｐass word ']) {
      expect((await passwords.verify(phc, other)).ok, other).to.equal(false)
    }
  })

  it('cuts nothing off', async () => {
    for (const length of [72, 73, 128, 255, 256]) {
      const phc = await passwords.hash(`${'a'.repeat(length - 1)}b`)
      expect((await passwords.verify(phc, `${'a'.repeat(length - 1)}c`)).ok).to.equal(false)
      expect((await passwords.verify(phc, 'a'.repeat(length - 1))).ok).to.equal(false)
    }
    const emoji = '😀'.repeat(256)
    expect((await passwords.verify(await passwords.hash(emoji), emoji)).ok).to.equal(true)
  })

  for (const [title, text] of [
    ['257 characters', 'a'.repeat(257)],
    ['more than 1024 bytes', '\u{1F600}'.repeat(257)],
    ['more than 1024 bytes after NFC', '\u{1D15E}'.repeat(200)],
    ['a megabyte', 'a'.repeat(1_000_000)],
    ['NUL', 'password\0more'],
    ['an unpaired surrogate', 'password\ud800'],
  ] as const) {
    it(`refuses ${title}, and such a text matches nothing`, async () => {
      expect(await codeOf(() => passwords.hash(text))).to.equal('invalid_input')
      const phc = await passwords.hash('password')
      expect(await passwords.verify(phc, text)).to.deep.equal({ ok: false, rehash: false })
    })
  }

  it('asks for a new hash where the parameters have changed', async () => {
    const phc = await passwords.hash('correct horse')
    const stronger = createPasswordHasher({ ...CHEAP, passes: 2 })
    expect(await stronger.verify(phc, 'correct horse')).to.deep.equal({ ok: true, rehash: true })
    expect(await stronger.verify(phc, 'wrong horse')).to.deep.equal({ ok: false, rehash: false })
  })

  it('matches nothing without a hash, whatever is tried', async () => {
    expect(await passwords.verify(undefined, '')).to.deep.equal({ ok: false, rehash: false })
    expect(await passwords.verify(undefined, 'correct horse')).to.deep.equal({
      ok: false,
      rehash: false,
    })
  })

  it('lets a bounded number wait and refuses the rest with a time to come back', async () => {
    const narrow = createPasswordHasher({ ...CHEAP, concurrency: 1, queue: 3 })
    const results = await Promise.allSettled(
      Array.from({ length: 10 }, () => narrow.hash('correct horse')),
    )
    const refused = results.filter((result) => result.status === 'rejected')
    expect(refused).to.have.length(6)
    for (const { reason } of refused) {
      expect(reason).to.include({ code: 'unavailable', retryAfterS: 2 })
    }
    expect((await narrow.verify(await narrow.hash('later'), 'later')).ok).to.equal(true)
  })

  it('counts the work for nobody at the same gate', async () => {
    const narrow = createPasswordHasher({ ...CHEAP, concurrency: 1, queue: 0 })
    const results = await Promise.allSettled([1, 2, 3].map(() => narrow.verify(undefined, 'x')))
    expect(results.filter(({ status }) => status === 'rejected')).to.have.length(2)
  })
})

describe('domain/credentials/password/set_password', function () {
  this.timeout(60_000)
  let database: DomainDatabase
  const clock = movableClock()
  const ended: string[] = []
  const endProofs = async (_tx: unknown, accountId: string) =>
    void ended.push(`proofs ${accountId}`)
  const deps = () => ({ db: database.db, clock, passwords, endProofs })

  before(async () => {
    database = await domainDatabase()
  })
  after(() => database?.close())

  it('sets, replaces, tells the trail and ends access, all or nothing', async () => {
    const { id } = await createAccount(deps(), { username: 'setter' })
    expect(await findPassword(database.db, id)).to.equal(undefined)
    await setPassword(deps(), { accountId: id, password: 'correct horse lantern' })
    clock.advance(60)
    const endAccess = async (_tx: unknown, accountId: string) =>
      void ended.push(`access ${accountId}`)
    await setPassword(deps(), { accountId: id, password: 'battery staple lantern', endAccess })
    const stored = (await findPassword(database.db, id))!
    expect((await passwords.verify(stored.phc, 'battery staple lantern')).ok).to.equal(true)
    expect(stored.changedAt).to.deep.equal(clock.now())
    expect(ended).to.deep.equal([`proofs ${id}`, `proofs ${id}`, `access ${id}`])

    const failing = () => Promise.reject(new Error('on purpose'))
    const input = { accountId: id, password: 'third password', endAccess: failing }
    expect(await setPassword(deps(), input).catch(() => 'undone')).to.equal('undone')
    expect(await findPassword(database.db, id)).to.deep.equal(stored)
    expect(await eventTypes(database.db, id)).to.deep.equal([
      'auth.user_created',
      'auth.password.changed',
      'auth.password.changed',
    ])
  })

  it('refuses the name of the person, and nobody', async () => {
    const { id } = await createAccount(deps(), { email: 'marguerite@example.com' })
    const password = 'Marguerite 2026'
    expect(await codeOf(() => setPassword(deps(), { accountId: id, password }))).to.equal(
      'invalid_input',
    )
    const nobody = { accountId: crypto.randomUUID(), password: 'correct horse lantern' }
    expect(await codeOf(() => setPassword(deps(), nobody))).to.equal('not_found')
  })

  it('stands from the first moment where the account is made with it', async () => {
    const passwordHash = await passwords.hash('correct horse lantern')
    const { id } = await createAccount(deps(), { username: 'born.with', passwordHash })
    expect((await findPassword(database.db, id))?.phc).to.equal(passwordHash)
    expect((await getAccountById(database.db, id)).status).to.equal('active')
  })
})
