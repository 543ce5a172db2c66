import { expect } from 'chai'
import {
  findAccountById,
  findAccountByIdentifier,
  getAccountById,
  listAccounts,
} from '../../../src/domain/accounts/account_store.ts'
import { accountViewOf, signInNameOf } from '../../../src/domain/accounts/account_view.ts'
import { disableAccount, enableAccount } from '../../../src/domain/accounts/block_account.ts'
import { changeProfile } from '../../../src/domain/accounts/change_profile.ts'
import { claimsOf } from '../../../src/domain/accounts/claims.ts'
import {
  conflictingIdentifier,
  createAccount,
} from '../../../src/domain/accounts/create_account.ts'
import { deleteAccount } from '../../../src/domain/accounts/delete_account.ts'
import { classifyIdentifier } from '../../../src/domain/accounts/identifier.ts'
import { openChangeFeed } from '../../../src/platform/persistence/change_feed.ts'
import { inTransaction, query } from '../../../src/platform/persistence/db.ts'
import {
  codeOf,
  type DomainDatabase,
  domainDatabase,
  eventTypes,
  movableClock,
} from '../domain_database.ts'

describe('domain/accounts', function () {
  this.timeout(60_000)
  let database: DomainDatabase
  let deps: { db: DomainDatabase['db']; clock: ReturnType<typeof movableClock> }

  before(async () => {
    database = await domainDatabase()
    deps = { db: database.db, clock: movableClock() }
  })
  after(() => database?.close())

  it('creates an account that is found by any spelling of its identifiers', async () => {
    const account = await createAccount(deps, {
      username: 'Ada.Lovelace',
      email: ' Ada@Bücher.Example ',
      emailVerified: true,
      claims: { name: 'Ada Lovelace' },
    })
    for (const text of [
      'ada.lovelace',
      'ADA.LOVELACE',
      'ada@bücher.example',
      'ADA@xn--bcher-kva.EXAMPLE',
    ]) {
      expect(await findAccountByIdentifier(deps.db, classifyIdentifier(text)!)).to.deep.equal(
        account,
      )
    }
    expect(account).to.include({
      username: 'Ada.Lovelace',
      email: 'Ada@Bücher.Example',
      status: 'active',
    })
    expect(await getAccountById(deps.db, account.id)).to.deep.equal(account)
    expect(await eventTypes(deps.db, account.id)).to.deep.equal(['auth.user_created'])
  })

  it('keeps one account where the same address signs up twenty times at once', async () => {
    const results = await Promise.allSettled(
      Array.from({ length: 20 }, (_, i) =>
        createAccount(deps, { email: i % 2 ? 'race@example.com' : 'RACE@EXAMPLE.COM' }),
      ),
    )
    const refused = results.filter((result) => result.status === 'rejected')
    expect(refused).to.have.length(19)
    for (const { reason } of refused) {
      expect(reason.code).to.equal('conflict')
      expect(reason.message).to.equal('This e-mail address is already in use.')
      expect(conflictingIdentifier(reason)).to.equal('email')
    }
    const rows = await query(deps.db, 'SELECT id FROM account WHERE email_canonical = $1', [
      'race@example.com',
    ])
    expect(rows).to.have.length(1)
  })

  it('names the username where that one is taken', async () => {
    await createAccount(deps, { username: 'grace' })
    const error = await createAccount(deps, { username: 'GRACE' }).catch((error) => error)
    expect(conflictingIdentifier(error)).to.equal('username')
  })

  it('is called by its name, or by what its owner signs in with', async () => {
    const phone = '+4915112345678'
    const byPhone = await createAccount(deps, { phone })
    expect(accountViewOf(byPhone)).to.deep.include({ name: phone })
    expect(signInNameOf(byPhone)).to.equal(phone)
    const both = await createAccount(deps, { username: 'called', email: 'called@example.com' })
    expect(accountViewOf(both).name).to.equal('called')
    expect(signInNameOf(both)).to.equal('called@example.com')
    const named = { ...both, claims: { name: 'Ada' } }
    expect(accountViewOf(named).name).to.equal('Ada')
  })

  it('refuses an account without identifier, with a bad one, or with a bad claim', async () => {
    for (const input of [
      {},
      { email: 'no address' },
      { username: 'a' },
      { username: 'valid.name', claims: { birthdate: 'yesterday' } },
      { username: 'valid.name', claims: { email: 'other@example.com' } },
    ]) {
      expect(await codeOf(() => createAccount(deps, input))).to.equal('invalid_input')
    }
  })

  it('leaves nothing behind where the transaction around it fails', async () => {
    const failure = inTransaction(deps.db, async (tx) => {
      await createAccount(deps, { username: 'undone' }, tx)
      throw new Error('on purpose')
    })
    expect(await failure.catch((error: Error) => error.message)).to.equal('on purpose')
    expect(
      await findAccountByIdentifier(deps.db, { kind: 'username', canonical: 'undone' }),
    ).to.equal(undefined)
  })

  it('asks the database only for ids in their one form', async () => {
    const { id } = await createAccount(deps, { username: 'form' })
    for (const text of [id.toUpperCase(), `{${id}}`, '', "' OR 1=1", 'x'.repeat(10_000)]) {
      expect(await findAccountById(deps.db, text)).to.equal(undefined)
    }
    expect(await codeOf(() => getAccountById(deps.db, 'nobody'))).to.equal('not_found')
  })

  it('pages through all accounts without repeating or skipping one', async () => {
    const ids: string[] = []
    for (let after: string | undefined; ; ) {
      const page = await listAccounts(deps.db, { after, limit: 2 })
      if (page.length === 0) break
      ids.push(...page.map(({ id }) => id))
      after = ids.at(-1)
    }
    const rows = await query(deps.db, 'SELECT id FROM account')
    expect(new Set(ids).size).to.equal(rows.length)
    expect(ids).to.have.length(rows.length)
  })

  it('disables once, ends access each time, and enables again', async () => {
    const { id } = await createAccount(deps, { username: 'blocked' })
    const ended: string[] = []
    const endAccess = async (_tx: unknown, accountId: string) => void ended.push(accountId)
    deps.clock.advance(60)
    const disabled = await disableAccount(deps, id, { by: 'operator', endAccess })
    await disableAccount(deps, id, { endAccess })
    expect(disabled).to.include({ id, status: 'disabled' })
    expect(disabled.updatedAt).to.deep.equal(deps.clock.now())
    expect(ended).to.deep.equal([id, id])
    expect((await enableAccount(deps, id)).status).to.equal('active')
    expect(await eventTypes(deps.db, id)).to.deep.equal([
      'auth.user_created',
      'auth.account.disabled',
      'auth.account.enabled',
    ])
    expect(await codeOf(() => disableAccount(deps, crypto.randomUUID()))).to.equal('not_found')
  })

  it('stays enabled where ending its access fails', async () => {
    const { id } = await createAccount(deps, { username: 'stays' })
    const endAccess = () => Promise.reject(new Error('on purpose'))
    expect(await disableAccount(deps, id, { endAccess }).catch(() => 'refused')).to.equal('refused')
    expect((await getAccountById(deps.db, id)).status).to.equal('active')
  })

  it('deletes the account and keeps only the event', async () => {
    const { id } = await createAccount(deps, { username: 'gone', passwordHash: '$argon2id$x' })
    await deleteAccount(deps, id)
    expect(await findAccountById(deps.db, id)).to.equal(undefined)
    expect(await query(deps.db, 'SELECT phc FROM password_credential WHERE account_id = $1', [id]))
      .to.be.empty
    expect(await eventTypes(deps.db, id)).to.include('auth.account.deleted')
    expect(await codeOf(() => deleteAccount(deps, id))).to.equal('not_found')
  })

  it('tells the other nodes which account changed', async () => {
    const feed = await openChangeFeed(database.connection, () => {})
    try {
      const { id } = await createAccount(deps, { username: 'heard' })
      const heard = new Promise((resolve) => feed.subscribe(resolve))
      await changeProfile(deps, id, { claims: { nickname: 'H' }, attributes: {} }, {})
      expect(await heard).to.deep.equal({ topic: 'account', id })
      expect((await getAccountById(deps.db, id)).claims).to.deep.equal({ nickname: 'H' })
    } finally {
      await feed.close()
    }
  })
})

describe('domain/accounts/claims', () => {
  const account = {
    id: '0199a7c2-0000-7000-8000-000000000001',
    status: 'active' as const,
    emailVerified: true,
    phoneVerified: true,
    claims: { name: 'Ada', sub: 'somebody else', phone_number: '+442071234567' },
    attributes: {},
    createdAt: new Date(0),
    updatedAt: new Date(1_700_000_000_999),
  }

  it('speaks of the account under the names of OpenID Connect', () => {
    expect(claimsOf({ ...account, username: 'ada', email: 'a@example.com' })).to.deep.equal({
      sub: account.id,
      name: 'Ada',
      phone_number: '+442071234567',
      preferred_username: 'ada',
      email: 'a@example.com',
      email_verified: true,
      updated_at: 1_700_000_000,
    })
  })

  it('lets no claim of the deployment take the place of a standard one', () => {
    const own = { sub: 'mallory', name: 'Eve', email: 'e@example.com', badge: 'AB-17' }
    expect(claimsOf({ ...account, email: 'a@example.com' }, own)).to.include({
      sub: account.id,
      name: 'Ada',
      email: 'a@example.com',
      badge: 'AB-17',
    })
  })

  it('leaves out what it does not know', () => {
    expect(claimsOf(account)).to.have.all.keys('sub', 'name', 'phone_number', 'updated_at')
  })

  it('has the number that the account signs in with take the place of one to be reached at', () => {
    const { phone_number, phone_number_verified } = claimsOf({ ...account, phone: '+4930123456' })
    expect(phone_number).to.equal('+4930123456')
    expect(phone_number_verified).to.equal(true)
  })
})
