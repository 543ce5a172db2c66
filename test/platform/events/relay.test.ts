import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'chai'
import { defineEvent } from '../../../src/platform/events/event.ts'
import { appendEvents } from '../../../src/platform/events/outbox.ts'
import {
  type EventSink,
  type Relay,
  relayBatch,
  type StoredEvent,
  startRelay,
} from '../../../src/platform/events/relay.ts'
import {
  type Db,
  inTransaction,
  observeStatements,
  openDb,
  query,
} from '../../../src/platform/persistence/db.ts'
import { type TestDatabase, testDatabase } from '../../support/postgres.ts'

const thingDone = defineEvent<{ n: number; [detail: string]: unknown }>(
  'auth.thing.done',
  ({ n }) => String(n),
)

describe('the relay', function () {
  this.timeout(20_000)
  let database: TestDatabase
  let db: Db
  let warnings: string[]
  let relays: Relay[]

  beforeEach(async () => {
    database = await testDatabase()
    db = openDb({ connection: database.connection, poolMax: 6, timeoutMs: 5_000 })
    await query(db, 'CREATE TABLE heard (event_id uuid)')
    warnings = []
    relays = []
  })

  afterEach(async () => {
    await Promise.all(relays.map((relay) => relay.stop()))
    await db.destroy()
    await database.drop()
  })

  const append = (from: number, to: number) =>
    appendEvents(
      db,
      Array.from({ length: to - from }, (_, i) => thingDone({ n: from + i })),
    )

  async function waiting(): Promise<number> {
    const [row] = await query<{ count: number }>(
      db,
      'SELECT count(*)::integer AS count FROM event_outbox',
    )
    return row!.count
  }

  /** Remembers what it got, and writes it down in the transaction it got it in. */
  function sink(name = 'sink') {
    const got: StoredEvent[] = []
    const numbers = () => got.map(({ data }) => data['n'])
    const deliver: EventSink['deliver'] = async (tx, events) => {
      got.push(...events)
      for (const { id } of events) await query(tx, 'INSERT INTO heard (event_id) VALUES ($1)', [id])
    }
    return { name, got, numbers, deliver }
  }

  function start(...sinks: EventSink[]): Relay {
    const relay = startRelay(db, sinks, { warn: (_, message) => warnings.push(message) })
    relays.push(relay)
    return relay
  }

  it('hands every sink what waits, in its order, and says how much that was', async () => {
    const [one, two] = [sink('one'), sink('two')]
    await append(0, 250)
    expect(await relayBatch(db, [one, two])).to.equal(200)
    expect(await relayBatch(db, [one, two])).to.equal(50)
    expect(await relayBatch(db, [one, two])).to.equal(0)
    expect(one.numbers()).to.deep.equal(Array.from({ length: 250 }, (_, i) => i))
    expect(two.got).to.deep.equal(one.got)
    expect(await waiting()).to.equal(0)
  })

  it('hands over the event as it was told', async () => {
    const { got, deliver } = sink()
    const event = thingDone({ n: 1, nul: 'a\0b', lone: '\ud800' })
    await appendEvents(db, [event])
    await relayBatch(db, [{ name: 'sink', deliver }])
    expect(got).to.have.length(1)
    expect(got[0]).to.deep.include({
      id: event.id,
      type: 'auth.thing.done',
      subject: '1',
      data: event.data,
    })
    expect(got[0]!.occurredAt).to.be.instanceOf(Date)
  })

  it('keeps everything where one sink fails, what the others wrote included', async () => {
    const good = sink()
    await append(0, 3)
    const failing: EventSink = {
      name: 'failing',
      deliver: async () => {
        throw new Error('no')
      },
    }
    await relayBatch(db, [good, failing]).then(
      () => expect.fail('it was expected to fail'),
      () => {},
    )
    expect(await waiting()).to.equal(3)
    expect(await query(db, 'SELECT event_id FROM heard')).to.deep.equal([])
    expect(await relayBatch(db, [good])).to.equal(3)
  })

  it('passes over what another relay holds', async () => {
    const [one, two] = [sink(), sink()]
    await append(0, 300)
    let release = () => {}
    const held = new Promise<void>((resolve) => {
      release = resolve
    })
    const slow: EventSink = { name: 'slow', deliver: () => held }
    const first = relayBatch(db, [one, slow])
    while (one.got.length === 0) await sleep(10)
    expect(await relayBatch(db, [two])).to.equal(100)
    release()
    expect(await first).to.equal(200)
    expect([...one.numbers(), ...two.numbers()]).to.have.length(300)
  })

  it('asks with one small statement while nothing waits, and soon after events of this process', async () => {
    const asked: string[] = []
    const unobserve = observeStatements(({ text }) => asked.push(text))
    const { got, deliver } = sink()
    start({ name: 'sink', deliver })
    // After 1, 2 and 4 seconds without any; the next pause is one of eight.
    while (asked.length < 3) await sleep(50)
    unobserve()
    expect(new Set(asked)).to.deep.equal(
      new Set(['SELECT 1 AS one FROM event_outbox ORDER BY id LIMIT 1']),
    )
    const writtenAt = performance.now()
    await append(0, 1)
    while (got.length === 0) await sleep(50)
    expect(performance.now() - writtenAt).to.be.below(6_000)
  }).timeout(40_000)

  it('does not see an event before its transaction commits', async () => {
    const { got, deliver } = sink()
    await inTransaction(db, async (tx) => {
      await appendEvents(tx, [thingDone({ n: 1 })])
      expect(await relayBatch(db, [{ name: 'sink', deliver }])).to.equal(0)
    })
    expect(await relayBatch(db, [{ name: 'sink', deliver }])).to.equal(1)
    expect(got).to.have.length(1)
  })

  it('runs by itself, however many are started, and delivers each event once', async () => {
    const sinks = [sink(), sink(), sink()]
    for (const each of sinks) start(each)
    for (let n = 0; n < 1_000; n += 100) await append(n, n + 100)
    const numbers = () => sinks.flatMap((each) => each.numbers())
    await until(async () => numbers().length >= 1_000 && (await waiting()) === 0)
    expect(new Set(numbers())).to.have.property('size', 1_000)
    const heard = await query(db, 'SELECT DISTINCT event_id FROM heard')
    expect(heard).to.have.length(1_000)
    expect(warnings).to.deep.equal([])
  })

  it('tries again what could not be delivered, and says so', async () => {
    const { got, deliver } = sink()
    let failures = 1
    start({
      name: 'shaky',
      deliver: async (tx, events) => {
        if (failures-- > 0) throw new Error('no')
        await deliver(tx, events)
      },
    })
    await append(0, 1)
    await until(() => got.length === 1)
    expect(warnings).to.deep.equal(['events could not be relayed and will be tried again'])
  })

  it('stops after the batch at hand', async () => {
    const { got, deliver } = sink()
    let begun = false
    const relay = start({
      name: 'slow',
      deliver: async (tx, events) => {
        begun = true
        await sleep(300)
        await deliver(tx, events)
      },
    })
    await append(0, 250)
    await until(() => begun)
    await relay.stop()
    expect(got).to.have.length(200)
    expect(await waiting()).to.equal(50)
  })
})

async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  for (let waitedMs = 0; waitedMs < 15_000; waitedMs += 20) {
    if (await condition()) return
    await sleep(20)
  }
  expect.fail(`this never came true: ${condition}`)
}
