import { expect } from 'chai'
import { changeUsername } from '../../../src/domain/accounts/change_username.ts'
import { createAccount } from '../../../src/domain/accounts/create_account.ts'
import { removePhone } from '../../../src/domain/authentication/change_phone.ts'
import { setSmsFactor } from '../../../src/domain/authentication/sms_factor.ts'
import { query } from '../../../src/platform/persistence/db.ts'
import { type DomainDatabase, domainDatabase, keyring, movableClock } from '../domain_database.ts'

/** A form that is sent twice in a moment, or in two windows: one waits for the other, and both are answered. */
describe('changes of one account that come at once', function () {
  this.timeout(60_000)
  const clock = movableClock()
  const origin = { ip: '192.0.2.1', userAgent: 'test' }
  let database: DomainDatabase
  let people = 0
  before(async () => {
    database = await domainDatabase()
  })
  after(() => database?.close())

  async function newAccount(username: string): Promise<string> {
    const { id } = await createAccount({ db: database.db, clock }, { username })
    await query(database.db, `UPDATE account SET phone = $2, phone_verified = true WHERE id = $1`, [
      id,
      `+49151123450${10 + people++}`,
    ])
    return id
  }

  const many = <T>(work: (n: number) => Promise<T>) =>
    Promise.all(Array.from({ length: 6 }, (_, n) => work(n)))

  it('are made one after the other, where they choose a username', async () => {
    const accountId = await newAccount('ada')
    const deps = { db: database.db, clock, phoneCountry: undefined }
    const results = await many((n) =>
      changeUsername(deps, { accountId, username: `ada${n}`, origin }),
    )
    expect(results.map(({ kind }) => kind)).to.deep.equal(Array(6).fill('changed'))
  })

  it('are made one after the other, where they turn a factor on and off', async () => {
    const accountId = await newAccount('bob')
    const changed = await many((n) =>
      setSmsFactor({ db: database.db, clock }, { accountId, on: n % 2 === 0, origin }),
    )
    expect(changed).to.include(true)
  })

  it('are made once, where they take the telephone number away', async () => {
    const accountId = await newAccount('eve')
    const deps = { db: database.db, clock, keyring, jobs: { send: async () => undefined } }
    await many(() => removePhone(deps as never, { accountId, locale: 'en', origin }))
    const [row] = await query<{ n: number }>(
      database.db,
      `SELECT count(*)::integer AS n FROM event_outbox
        WHERE type = 'auth.phone.changed' AND subject = $1`,
      [accountId],
    )
    expect(row!.n).to.equal(1)
  })
})
