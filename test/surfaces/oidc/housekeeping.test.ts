import { randomBytes } from 'node:crypto'
import { expect } from 'chai'
import { type Db, openDb, query } from '../../../src/platform/persistence/db.ts'
import { deleteExpiredRecords } from '../../../src/surfaces/oidc/adapters/housekeeping.ts'
import { MODELS } from '../../../src/surfaces/oidc/adapters/models.ts'
import { type TestDatabase, testDatabase } from '../../support/postgres.ts'

describe('surfaces/oidc/adapters/housekeeping', function () {
  this.timeout(30_000)
  let database: TestDatabase
  let db: Db
  before(async () => {
    database = await testDatabase()
    db = openDb({ connection: database.connection, poolMax: 6, timeoutMs: 5_000 })
  })
  after(async () => {
    await db?.destroy()
    await database?.drop()
  })

  const add = async (model: string, expiresIn: string | null, count = 1) => {
    for (let n = 0; n < count; n++) {
      await query(
        db,
        `INSERT INTO oidc_record (model, id_hash, payload, expires_at)
         VALUES ($1, $2, '{}', now() + $3::interval)`,
        [model, randomBytes(32), expiresIn],
      )
    }
  }
  const left = async () => {
    const [row] = await query<{ n: number }>(db, 'SELECT count(*)::integer AS n FROM oidc_record')
    return row!.n
  }

  it('removes what has expired of every model, and nothing else', async () => {
    for (const model of Object.keys(MODELS)) {
      await add(model, '-10 minutes')
      await add(model, '10 minutes')
    }
    await add('Grant', null)
    expect(await deleteExpiredRecords(db)).to.equal(Object.keys(MODELS).length)
    expect(await left()).to.equal(Object.keys(MODELS).length + 1)
  })

  it('keeps what has only just expired, so that "expired" can still be said', async () => {
    const before = await left()
    await add('AuthorizationCode', '-30 seconds')
    expect(await deleteExpiredRecords(db)).to.equal(0)
    expect(await left()).to.equal(before + 1)
  })

  it('shares the work between workers that come at once', async () => {
    const before = await left()
    await add('Interaction', '-1 hour', 50)
    const removed = await Promise.all(Array.from({ length: 4 }, () => deleteExpiredRecords(db)))
    expect(removed.reduce((sum, n) => sum + n)).to.equal(50)
    expect(await left()).to.equal(before)
  })

  it('forgets replay markers and revoked tokens whose time is over', async () => {
    for (const [table, key] of [
      ['replay_marker', 'id_hash'],
      ['revoked_token', 'jti_hash'],
    ]) {
      for (const expires of ['-1 hour', '1 hour']) {
        await db.raw(`INSERT INTO ${table} (${key}, expires_at) VALUES (?, now() + ?::interval)`, [
          randomBytes(32),
          expires,
        ])
      }
    }
    expect(await deleteExpiredRecords(db)).to.equal(2)
  })
})
