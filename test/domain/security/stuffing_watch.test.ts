import { expect } from 'chai'
import { createStuffingWatch } from '../../../src/domain/security/stuffing_watch.ts'
import type { StoredEvent } from '../../../src/platform/events/relay.ts'
import { inTransaction, query } from '../../../src/platform/persistence/db.ts'
import { type DomainDatabase, domainDatabase } from '../domain_database.ts'

const NOON = Date.parse('2026-03-01T12:00:00Z')

describe('domain/security/stuffing_watch', function () {
  this.timeout(30_000)
  let database: DomainDatabase
  before(async () => {
    database = await domainDatabase()
  })
  after(() => database?.close())

  const refused = (seconds: number, who: number, type = 'auth.login.failed') =>
    ({
      id: `00000000-0000-7000-8000-${String(seconds).padStart(12, '0')}`,
      type,
      subject: null,
      occurredAt: new Date(NOON + seconds * 1000),
      data: { accountId: who % 2 === 0 ? `account-${who}` : undefined, ip: `192.0.2.${who % 5}` },
    }) as StoredEvent

  const watch = () => {
    const warnings: object[] = []
    const log = { warn: (fields: object) => void warnings.push(fields) }
    const sink = createStuffingWatch({ threshold: 20, log })
    const deliver = async (...events: StoredEvent[]) => {
      await query(database.db, 'DELETE FROM event_outbox')
      await inTransaction(database.db, (tx) => sink.deliver(tx, events))
      return await query<{ type: string; data: object }>(
        database.db,
        'SELECT type, data FROM event_outbox',
      )
    }
    return { deliver, warnings }
  }
  const flood = (count: number, from = 0, apart = 1) =>
    Array.from({ length: count }, (_, n) => refused(from + n * apart, n))

  it('tells of many refusals in a short time, of whom and from where, once', async () => {
    const { deliver, warnings } = watch()
    expect(await deliver(...flood(19))).to.deep.equal([])
    const told = await deliver(refused(19, 19, 'auth.login.throttled'), ...flood(40, 20))
    expect(told).to.deep.equal([
      {
        type: 'auth.login.stuffing_detected',
        data: { refusals: 20, accounts: 10, addresses: 5, windowS: 300 },
      },
    ])
    expect(warnings).to.have.length(1)
    expect(await deliver(...flood(100, 100, 10))).to.deep.equal([])
    expect(await deliver(...flood(30, 3000))).to.have.length(1)
  })

  it('is silent about those who mistype, however many they are in a day', async () => {
    const { deliver } = watch()
    expect(await deliver(...flood(200, 0, 60))).to.deep.equal([])
    const others = flood(50).map((event) => ({ ...event, type: 'auth.login.success' }))
    expect(await deliver(...others)).to.deep.equal([])
  })
})
