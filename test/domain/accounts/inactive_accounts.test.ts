import { expect } from 'chai'
import pg from 'pg'
import { findAccountById, findLastSignIn } from '../../../src/domain/accounts/account_store.ts'
import { disableAccount, enableAccount } from '../../../src/domain/accounts/block_account.ts'
import { createAccount } from '../../../src/domain/accounts/create_account.ts'
import {
  handleInactiveAccounts,
  type InactivityPolicy,
} from '../../../src/domain/accounts/inactive_accounts.ts'
import { scheduleDeletion } from '../../../src/domain/accounts/schedule_deletion.ts'
import { completeAttempt, upsertAttempt } from '../../../src/domain/authentication/attempt_store.ts'
import { factorAccepted, signInSucceeded } from '../../../src/platform/events/catalogue.ts'
import {
  type Db,
  inTransaction,
  observeStatements,
  query,
} from '../../../src/platform/persistence/db.ts'
import {
  type DomainDatabase,
  domainDatabase,
  eventTypes,
  keyring,
  movableClock,
} from '../domain_database.ts'

const DAY_S = 86_400
const ALL: InactivityPolicy = { warnDays: 300, disableDays: 365, deleteDays: 730 }
const WARNED = 'auth.account.inactivity_warned'
const PROVEN = 'auth.login.factor_accepted'
const SIGNED_IN = 'auth.login.success'
const DISABLED = 'auth.account.disabled'
const DELETED = 'auth.account.deleted'

describe('domain/accounts: accounts that nobody uses', function () {
  this.timeout(60_000)
  let database: DomainDatabase
  let db: Db
  let clock: ReturnType<typeof movableClock>
  let people = 0
  before(async () => {
    database = await domainDatabase()
    db = database.db
  })
  beforeEach(async () => {
    await query(db, 'DELETE FROM account')
    // Absence counts from the moment that PostgreSQL knows of.
    clock = movableClock(new Date())
  })
  after(() => database.close())

  const later = (days: number) => clock.advance(days * DAY_S)
  const add = async (identifier: { username: string } | 'mail' = 'mail') => {
    people += 1
    const input = identifier === 'mail' ? { email: `person${people}@example.test` } : identifier
    return (await createAccount({ db, clock }, input)).id
  }
  const signIn = async (accountId: string, tx: Db = db) => {
    const now = clock.now()
    const expiresAt = new Date(now.getTime() + 60_000)
    const attempt = { accountId, methods: [], remember: false, authenticatedAt: now, expiresAt }
    const event = factorAccepted({ accountId, clientId: 'app', method: 'password' })
    await upsertAttempt(tx, keyring, accountId, attempt, [event])
    const told = signInSucceeded({ accountId, clientId: 'app', acr: '', amr: [], newDevice: false })
    return await completeAttempt(tx, keyring, accountId, { now, first: told, again: told })
  }
  const sweep = async (
    policy: Partial<InactivityPolicy> = ALL,
    {
      mail = true,
      limit = 100,
      endAccess = async () => {},
    }: { mail?: boolean; limit?: number; endAccess?: (tx: Db, id: string) => Promise<void> } = {},
  ) => {
    const off = { warnDays: 0, disableDays: 0, deleteDays: 0 }
    return await handleInactiveAccounts(
      { db, clock },
      { policy: { ...off, ...policy }, mail, limit, endAccess },
    )
  }
  const statusOf = async (id: string) => (await findAccountById(db, id))?.status ?? 'gone'
  const happened = async (id: string) => (await eventTypes(db, id)).slice(1)
  const promised = async (id: string) =>
    await query<{ at: string }>(
      db,
      `SELECT data->>'at' AS at FROM event_outbox WHERE subject = $1 AND type = $2 ORDER BY id`,
      [id, WARNED],
    )

  it('does nothing by default, and asks for nothing', async () => {
    await add()
    later(5_000)
    const statements: string[] = []
    const stop = observeStatements(({ text }) => statements.push(text))
    expect(await sweep({})).to.equal(0)
    stop()
    expect(statements).to.deep.equal([])
  })

  it('warns, disables and deletes who never signed in, in that order and once each', async () => {
    const id = await add()
    const ended: string[] = []
    const endAccess = async (_: Db, account: string) => void ended.push(account)
    later(299)
    expect(await sweep()).to.equal(0)
    later(2)
    expect(await sweep()).to.equal(1)
    later(1)
    expect(await sweep(), 'warned already').to.equal(0)
    expect(ended).to.deep.equal([])
    later(64)
    expect(await sweep(ALL, { endAccess })).to.equal(1)
    expect(await statusOf(id)).to.equal('disabled')
    expect(ended).to.deep.equal([id])
    later(363)
    expect(await sweep()).to.equal(0)
    later(2)
    expect(await sweep(ALL, { endAccess })).to.equal(1)
    expect(await statusOf(id)).to.equal('gone')
    expect(ended).to.deep.equal([id, id])
    expect(await happened(id)).to.deep.equal([WARNED, DISABLED, DELETED])
    const facts = await query<{ by: string }>(
      db,
      `SELECT data->>'by' AS by FROM event_outbox WHERE subject = $1 ORDER BY id OFFSET 1`,
      [id],
    )
    expect(facts.map(({ by }) => by)).to.deep.equal(['inactivity', 'inactivity', 'inactivity'])
  })

  it('says when the account will be closed: disabled or deleted, and not within seven days', async () => {
    const id = await add()
    const made = clock.now().getTime()
    const daysOf = ({ at }: { at: string }) => Math.round((Date.parse(at) - made) / 86_400_000)
    later(301)
    await sweep()
    await signIn(id)
    later(400)
    await sweep({ warnDays: 300, deleteDays: 350 })
    expect((await promised(id)).map(daysOf)).to.deep.equal([365, 301 + 400 + 7])
  })

  it('takes the warning back with a sign-in, and warns of the next absence', async () => {
    const id = await add()
    later(301)
    await sweep()
    later(60)
    await signIn(id)
    expect(await findLastSignIn(db, id)).to.deep.equal(clock.now())
    later(299)
    expect(await sweep()).to.equal(0)
    later(2)
    expect(await sweep()).to.equal(1)
    expect(await happened(id)).to.deep.equal([WARNED, PROVEN, SIGNED_IN, WARNED])
    expect(await statusOf(id)).to.equal('active')
  })

  it('leaves alone who signed in yesterday, however old the account is', async () => {
    const id = await add()
    later(5_000)
    await signIn(id)
    later(1)
    expect(await sweep()).to.equal(0)
    expect(await sweep({ deleteDays: 730 })).to.equal(0)
  })

  it('counts from the making here, whatever an import says of the age', async () => {
    const id = await add()
    await query(db, `UPDATE account SET created_at = '2001-01-01' WHERE id = $1`, [id])
    expect(await sweep({ deleteDays: 30 })).to.equal(0)
    later(31)
    expect(await sweep({ deleteDays: 30 })).to.equal(1)
  })

  it('gives seven days from the warning, however long the absence was before it', async () => {
    const id = await add()
    later(2_000)
    expect(await sweep()).to.equal(1)
    later(6.9)
    expect(await sweep()).to.equal(0)
    expect(await statusOf(id)).to.equal('active')
    later(0.2)
    expect(await sweep()).to.equal(1)
    expect(await happened(id)).to.deep.equal([WARNED, DELETED])
  })

  it('waits for no warning that reaches nobody', async () => {
    const nameless = await add({ username: 'nameless' })
    const id = await add()
    later(301)
    expect(await sweep(ALL, { mail: false })).to.equal(0)
    expect(await sweep({ warnDays: 300 }), 'nothing to warn of').to.equal(0)
    later(65)
    expect(await sweep()).to.equal(2)
    expect(await happened(nameless)).to.deep.equal([DISABLED])
    expect(await happened(id)).to.deep.equal([WARNED])
    expect(await sweep(ALL, { mail: false })).to.equal(1)
    expect(await statusOf(id)).to.equal('disabled')
  })

  it('tells of deletion whoever was disabled before there were warnings', async () => {
    const id = await add()
    later(366)
    await sweep({ disableDays: 365 })
    expect(await sweep({ warnDays: 300, disableDays: 365 })).to.equal(0)
    later(365)
    await sweep()
    expect(await statusOf(id)).to.equal('disabled')
    later(8)
    await sweep()
    expect(await happened(id)).to.deep.equal([DISABLED, WARNED, DELETED])
  })

  it('leaves an account that was enabled again alone until it is absent anew', async () => {
    const id = await add()
    later(366)
    await sweep({ disableDays: 365 })
    expect(await statusOf(id)).to.equal('disabled')
    await enableAccount({ db, clock }, id)
    expect(await sweep({ disableDays: 365 })).to.equal(0)
    later(364)
    expect(await sweep({ disableDays: 365 })).to.equal(0)
    later(2)
    expect(await sweep({ disableDays: 365 })).to.equal(1)
  })

  it('leaves to operators what they disabled, and to owners what they want deleted', async () => {
    const blocked = await add()
    const leaving = await add()
    // Enabled by an operator and disabled by one: no longer a matter of its absence.
    const again = await add()
    await query(db, 'UPDATE account SET inactive_disabled_at = now() WHERE id = $1', [again])
    await disableAccount({ db, clock }, again)
    await enableAccount({ db, clock }, again)
    for (const id of [blocked, again]) await disableAccount({ db, clock }, id)
    const asked = { accountId: leaving, graceDays: 90, origin: {} }
    await scheduleDeletion({ db, clock }, asked, async () => {})
    later(5_000)
    expect(await sweep()).to.equal(0)
    expect(await sweep({ deleteDays: 730 })).to.equal(0)
  })

  it('does one batch at a time, the longest absence first', async () => {
    const ids = [await add(), await add(), await add()]
    for (const id of ids) {
      await signIn(id)
      later(1)
    }
    later(800)
    const swept: string[] = []
    const endAccess = async (_: Db, id: string) => void swept.push(id)
    expect(await sweep({ deleteDays: 730 }, { limit: 2, endAccess })).to.equal(2)
    expect(await sweep({ deleteDays: 730 }, { limit: 2, endAccess })).to.equal(1)
    expect(swept).to.deep.equal(ids)
  })

  it('takes each step once where several workers meet', async () => {
    const ids = await Promise.all(Array.from({ length: 12 }, () => add()))
    for (const [days, type] of [
      [301, WARNED],
      [65, DISABLED],
      [366, DELETED],
    ] as const) {
      later(days)
      const counts = await Promise.all([sweep(), sweep(), sweep()])
      const rest = await sweep()
      expect([...counts, rest].reduce((sum, count) => sum + count)).to.equal(ids.length)
      for (const id of ids) expect((await happened(id)).at(-1)).to.equal(type)
    }
    for (const id of ids) expect(await happened(id)).to.have.length(3)
  })

  it('steps around an account that is signing in, which then stays', async () => {
    const id = await add()
    later(800)
    for (const policy of [{ deleteDays: 730 }, { disableDays: 365 }]) {
      await inTransaction(db, async (tx) => {
        await signIn(id, tx)
        expect(await sweep(policy), 'meanwhile').to.equal(0)
      })
      expect(await sweep(policy), 'afterwards').to.equal(0)
      later(800)
    }
    expect(await statusOf(id)).to.equal('active')
  })

  it('keeps who signs in between the list and their turn', async () => {
    const [first, second] = [await add(), await add()]
    await signIn(first)
    later(1)
    await signIn(second)
    later(800)
    const endAccess = async () => void (await signIn(second))
    expect(await sweep({ deleteDays: 730 }, { endAccess })).to.equal(1)
    expect([await statusOf(first), await statusOf(second)]).to.deep.equal(['gone', 'active'])
  })

  it('either signs somebody in or deletes them, where both come at once', async () => {
    const ids = await Promise.all(Array.from({ length: 10 }, () => add()))
    later(800)
    const [, ...signedIn] = await Promise.all([
      sweep({ deleteDays: 730 }),
      ...ids.map((id) =>
        inTransaction(db, (tx) => signIn(id, tx)).then(
          (before) => before !== undefined,
          () => false,
        ),
      ),
    ])
    await sweep({ deleteDays: 730 })
    for (const [i, id] of ids.entries()) {
      expect(await statusOf(id)).to.equal(signedIn[i] ? 'active' : 'gone')
    }
  })

  it('leaves an account as it was where ending its access fails', async () => {
    const id = await add()
    later(800)
    const endAccess = () => Promise.reject(new Error('not now'))
    for (const policy of [{ deleteDays: 730 }, { disableDays: 365 }]) {
      const outcome = await sweep(policy, { endAccess }).catch(() => 'failed')
      expect(outcome).to.equal('failed')
    }
    expect(await statusOf(id)).to.equal('active')
    expect(await happened(id)).to.deep.equal([])
  })

  it('finds its accounts by an index among many, whichever way the statement is planned', async () => {
    await query(
      db,
      `INSERT INTO account (id, username_canonical, email, email_canonical, status, idle_from,
                            last_signed_in_at, inactive_warned_at, inactive_disabled_at)
       SELECT gen_random_uuid(), 'many' || i, 'many' || i, 'many' || i,
              CASE WHEN i % 20 = 0 THEN 'disabled' ELSE 'active' END, now() - interval '3 years',
              CASE WHEN i % 3 > 0 THEN now() - (i % 310) * interval '1 day' END,
              CASE WHEN i % 3 = 0 THEN now() - interval '1 day' END,
              CASE WHEN i % 20 = 0 THEN now() END
         FROM generate_series(1, 20000) AS i`,
    )
    await query(db, 'ANALYZE account')
    const texts = new Set<string>()
    const stop = observeStatements(({ text }) => /FROM account/.test(text) && texts.add(text))
    await sweep(ALL, { limit: 1 })
    stop()
    expect([...texts].filter((text) => /LIMIT/.test(text))).to.have.length(2)
    const client = new pg.Client(database.connection)
    await client.connect()
    for (const text of texts) {
      const { rows } = await client.query(`EXPLAIN (GENERIC_PLAN) ${text}`)
      const plan = rows.map((line) => line['QUERY PLAN']).join('\n')
      expect(plan)
        .to.match(/Index Scan/)
        .and.not.match(/Seq Scan|Sort/)
    }
    await client.end()
  })
})
