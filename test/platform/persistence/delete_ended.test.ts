import { expect } from 'chai'
import { inTransaction, query } from '../../../src/platform/persistence/db.ts'
import { deleteEnded } from '../../../src/platform/persistence/delete_ended.ts'
import { type DomainDatabase, domainDatabase } from '../../domain/domain_database.ts'

describe('platform/persistence/delete_ended', () => {
  let database: DomainDatabase
  const at = (second: number) => new Date(1_700_000_000_000 + second * 1000)
  const left = async () =>
    (await query<{ b: string }>(database.db, 'SELECT b FROM thing ORDER BY ends_at')).map(
      ({ b }) => b,
    )

  before(async () => {
    database = await domainDatabase()
    await query(
      database.db,
      'CREATE TABLE thing (a int, b text, ends_at timestamptz, PRIMARY KEY (a, b))',
      [],
    )
  })
  beforeEach(async () => {
    await query(database.db, 'DELETE FROM thing', [])
    for (const second of [1, 2, 3, 4]) {
      await query(database.db, 'INSERT INTO thing VALUES (1, $1, $2)', [`${second}`, at(second)])
    }
  })
  after(() => database.close())

  const rows = { table: 'thing', ends: 'ends_at' }

  it('removes what is over by then, and nothing else', async () => {
    expect(await deleteEnded(database.db, rows, { until: at(2), limit: 10 })).to.equal(2)
    expect(await left()).to.deep.equal(['3', '4'])
  })

  it('removes the oldest first, no more than it may', async () => {
    expect(await deleteEnded(database.db, rows, { until: at(9), limit: 3 })).to.equal(3)
    expect(await left()).to.deep.equal(['4'])
  })

  it('passes over what another node is removing, and does not wait for it', async () => {
    await inTransaction(database.db, async (tx) => {
      await query(tx, `SELECT 1 FROM thing WHERE b = '1' FOR UPDATE`, [])
      expect(await deleteEnded(database.db, rows, { until: at(2), limit: 10 })).to.equal(1)
    })
    expect(await left()).to.deep.equal(['1', '3', '4'])
  })
})
