import { expect } from 'chai'
import { isId } from '../../../src/core/ids.ts'
import { defineEvent } from '../../../src/platform/events/event.ts'
import {
  appendEvent,
  appendEvents,
  appendedEventsCte,
} from '../../../src/platform/events/outbox.ts'
import {
  type Db,
  inTransaction,
  observeStatements,
  openDb,
  query,
} from '../../../src/platform/persistence/db.ts'
import { type TestDatabase, testDatabase } from '../../support/postgres.ts'

const thingDone = defineEvent<{ thing?: string; [detail: string]: unknown }>(
  'auth.thing.done',
  ({ thing }) => thing,
)

describe('the outbox', () => {
  let database: TestDatabase
  let db: Db

  before(async () => {
    database = await testDatabase()
    db = openDb({ connection: database.connection, poolMax: 3, timeoutMs: 5_000 })
  })

  afterEach(() => query(db, 'DELETE FROM event_outbox'))

  after(async () => {
    await db.destroy()
    await database.drop()
  })

  async function rows() {
    return await query<{
      event_id: string
      type: string
      subject: string | null
      data: unknown
      occurred_at: Date
    }>(db, 'SELECT event_id, type, subject, data, occurred_at FROM event_outbox ORDER BY id')
  }

  it('holds what is told: its id, its type, whom it is about, when it was', async () => {
    const event = thingDone({ thing: 'a', list: [1, 'zwei'], none: null })
    expect(isId(event.id)).to.equal(true)
    expect(thingDone.type).to.equal('auth.thing.done')
    await appendEvent(db, event)
    const [row] = await rows()
    expect(row).to.deep.include({
      event_id: event.id,
      type: 'auth.thing.done',
      subject: 'a',
      data: { thing: 'a', list: [1, 'zwei'], none: null },
    })
    expect(Date.now() - row!.occurred_at.getTime()).to.be.below(60_000)
  })

  it('has an event with its transaction only', async () => {
    await inTransaction(db, async (tx) => {
      await appendEvent(tx, thingDone({ thing: 'kept' }))
      expect(await rows()).to.deep.equal([])
    })
    await inTransaction(db, async (tx) => {
      await appendEvent(tx, thingDone({ thing: 'lost' }))
      throw new Error('no')
    }).catch(() => {})
    expect((await rows()).map(({ subject }) => subject)).to.deep.equal(['kept'])
  })

  it('takes many in one statement, in their order, and none in no statement', async () => {
    let statements = 0
    const stop = observeStatements(() => {
      statements += 1
    })
    await appendEvents(
      db,
      ['a', 'b', 'c'].map((thing) => thingDone({ thing })),
    )
    await appendEvents(db, [])
    stop()
    expect(statements).to.equal(1)
    expect((await rows()).map(({ subject }) => subject)).to.deep.equal(['a', 'b', 'c'])
  })

  it('keeps what a request carried as it was: U+0000, lone surrogates, quotes', async () => {
    const data = {
      thing: 'a',
      nul: 'a\0b',
      lone: '\ud800',
      'key\0': '\\u0000 "\' \u2028',
      nested: [{ deep: '\0' }],
    }
    await appendEvent(db, thingDone(data))
    expect((await rows())[0]!.data).to.deep.equal(data)
  })

  it('takes an event about somebody whose name no text column can hold', async () => {
    for (const thing of ['a\0b', 'a\ud800b', '\udc00', '\0']) {
      await appendEvent(db, thingDone({ thing }))
    }
    const found = await rows()
    expect(found.map(({ subject }) => subject)).to.deep.equal([
      'a\ufffdb',
      'a\ufffdb',
      '\ufffd',
      '\ufffd',
    ])
    expect(found.map(({ data }) => (data as { thing: string }).thing)).to.deep.equal([
      'a\0b',
      'a\ud800b',
      '\udc00',
      '\0',
    ])
  })

  it('takes an event that is about nobody', async () => {
    await appendEvent(db, thingDone({}))
    expect((await rows())[0]!.subject).to.equal(null)
  })

  for (const count of [1, 2]) {
    it(`takes ${count} within the statement that writes the fact, or none where it did not`, async () => {
      const events = Array.from({ length: count }, () => thingDone({ thing: 'a' }))
      const append = async (condition: string) => {
        const values: unknown[] = []
        const cte = appendedEventsCte(
          events,
          (value, type) => `$${values.push(value)}::${type}`,
          condition,
        )
        await query(db, `WITH fact AS (SELECT 1), ${cte} SELECT 1`, values)
      }
      await append('WHERE NOT EXISTS (SELECT 1 FROM fact)')
      expect(await rows()).to.have.length(0)
      await append('WHERE EXISTS (SELECT 1 FROM fact)')
      expect((await rows()).map(({ event_id }) => event_id)).to.deep.equal(
        events.map(({ id }) => id),
      )
    })
  }
})
