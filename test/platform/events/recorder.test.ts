import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'chai'
import type { AuthEvent } from '../../../src/platform/events/event.ts'
import { defineEvent } from '../../../src/platform/events/event.ts'
import { createEventRecorder, type EventRecorder } from '../../../src/platform/events/recorder.ts'
import { type Db, observeStatements, openDb, query } from '../../../src/platform/persistence/db.ts'
import { type TestDatabase, testDatabase } from '../../support/postgres.ts'

const thingSeen = defineEvent<{ n: number; [detail: string]: unknown }>(
  'auth.thing.seen',
  ({ n }) => String(n),
)
const CAPACITY = 20_000

describe('the recorder', function () {
  this.timeout(30_000)
  let database: TestDatabase
  let db: Db
  let recorder: EventRecorder
  let lines: { message: string; fields: Record<string, unknown> }[]

  beforeEach(async () => {
    database = await testDatabase()
    db = openDb({ connection: database.connection, poolMax: 2, timeoutMs: 5_000 })
    lines = []
    recorder = createEventRecorder(db, {
      error: (fields, message) => lines.push({ message, fields: { ...fields } }),
    })
  })

  afterEach(async () => {
    await recorder.stop()
    await db.destroy()
    await database.drop()
  })

  async function recorded(): Promise<number[]> {
    const rows = await query<{ subject: string }>(
      db,
      'SELECT subject FROM event_outbox ORDER BY id',
    )
    return rows.map(({ subject }) => Number(subject))
  }

  const record = (from: number, to: number) => {
    for (let n = from; n < to; n++) recorder.record(thingSeen({ n }))
  }
  const upTo = (to: number, from = 0) => Array.from({ length: to - from }, (_, i) => from + i)
  const away = () => query(db, 'ALTER TABLE event_outbox RENAME TO event_outbox_away')
  const back = () => query(db, 'ALTER TABLE event_outbox_away RENAME TO event_outbox')

  it('keeps nobody waiting, and writes what gathered within a moment', async () => {
    let statements = 0
    const stop = observeStatements(() => {
      statements += 1
    })
    record(0, 10)
    expect(statements).to.equal(0)
    await sleep(600)
    stop()
    expect(statements).to.equal(1)
    expect(await recorded()).to.deep.equal(upTo(10))
  })

  it('writes at once when it is told to, in order, in statements of bounded size', async () => {
    record(0, 1_200)
    let statements = 0
    const stop = observeStatements(() => {
      statements += 1
    })
    await Promise.all([recorder.flush(), recorder.flush()])
    stop()
    expect(statements).to.equal(3)
    expect(await recorded()).to.deep.equal(upTo(1_200))
  })

  it('writes what is left when it stops', async () => {
    record(0, 3)
    await recorder.stop()
    expect(await recorded()).to.deep.equal([0, 1, 2])
  })

  it('keeps what it has while the database is away, and writes it by itself afterwards', async () => {
    await away()
    record(0, 700)
    await recorder.flush()
    record(700, 710)
    await sleep(600)
    expect(lines.length).to.be.above(1)
    expect(lines[0]!.message).to.equal('events could not be recorded yet')
    expect(lines[0]!.fields).to.include({ waiting: 700, dropped: 0 })
    await back()
    await sleep(800)
    expect(await recorded()).to.deep.equal(upTo(710))
  })

  it('drops the oldest beyond its bound, counts them, and loses no other', async () => {
    await away()
    record(0, CAPACITY + 1_000)
    await recorder.flush()
    expect(lines[0]!.fields).to.include({ waiting: CAPACITY, dropped: 1_000 })
    await back()
    await recorder.flush()
    expect(await recorded()).to.deep.equal(upTo(CAPACITY + 1_000, 1_000))
  })

  it('stays within its bound, and loses none, while a batch is being written', async () => {
    const [released, release] = await holdOutbox()
    record(0, CAPACITY)
    const writing = recorder.flush()
    await sleep(100)
    // The first 500 are on their way; as many again find room, and 100 do not.
    record(CAPACITY, CAPACITY + 600)
    release()
    await Promise.all([released, writing])
    await recorder.flush()
    const numbers = await recorded()
    const lost = upTo(CAPACITY + 600).filter((n) => !numbers.includes(n))
    expect(numbers).to.have.length(new Set(numbers).size)
    expect(lost).to.deep.equal(upTo(600, 500))
    await away()
    record(0, 1)
    await recorder.flush()
    await back()
    expect(lines.at(-1)!.fields).to.include({ dropped: 100 })
  })

  it('is not held up by an event that can never be written', async () => {
    const impossible: AuthEvent[] = [
      thingSeen({ n: -1, big: 1n }),
      { ...thingSeen({ n: -2 }), id: 'not an id' },
    ]
    record(0, 2)
    for (const event of impossible) recorder.record(event)
    record(2, 4)
    await recorder.flush()
    expect(await recorded()).to.deep.equal([0, 1, 2, 3])
    expect(lines.map(({ message }) => message)).to.deep.equal([
      'an event cannot be recorded and is given up',
      'an event cannot be recorded and is given up',
    ])
  })

  /** Nobody writes into the outbox until the returned function is called. */
  async function holdOutbox(): Promise<[released: Promise<void>, release: () => void]> {
    const tx = await db.transaction()
    await query(tx, 'LOCK TABLE event_outbox')
    let release = () => {}
    const wanted = new Promise<void>((resolve) => {
      release = resolve
    })
    return [wanted.then(() => tx.commit()).then(() => {}), release]
  }
})
