import { createSecretKey, randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'chai'
import { createAccount } from '../../../src/domain/accounts/create_account.ts'
import { deleteAccount } from '../../../src/domain/accounts/delete_account.ts'
import {
  type AuditVerdict,
  auditKey,
  createAuditSink,
  verifyAuditTrail,
} from '../../../src/domain/audit/audit_trail.ts'
import { openPersonal } from '../../../src/domain/audit/personal_data.ts'
import { deviceTrusted, signInFailed } from '../../../src/platform/events/catalogue.ts'
import { defineEvent } from '../../../src/platform/events/event.ts'
import { appendEvent, appendEvents } from '../../../src/platform/events/outbox.ts'
import { relayBatch, startRelay } from '../../../src/platform/events/relay.ts'
import { createKeyring, type Keyring } from '../../../src/platform/keys/keyring.ts'
import { type Db, inTransaction, openDb, query } from '../../../src/platform/persistence/db.ts'
import { type TestDatabase, testDatabase } from '../../support/postgres.ts'

const thingDone = defineEvent<{ n: number; [detail: string]: unknown }>(
  'auth.thing.done',
  ({ n }) => String(n),
)

function freshKeyring(): Keyring {
  const keys = { encryptionKeys: [{ id: 'k1', key: randomBytes(32) }], hashKey: randomBytes(32) }
  return createKeyring(keys)
}

describe('the audit trail', function () {
  this.timeout(60_000)
  const keyring = freshKeyring()
  const key = auditKey(keyring)
  const sink = createAuditSink(keyring)
  let database: TestDatabase
  let db: Db

  beforeEach(async () => {
    database = await testDatabase()
    db = openDb({ connection: database.connection, poolMax: 10, timeoutMs: 10_000 })
  })

  afterEach(async () => {
    await db.destroy()
    await database.drop()
  })

  const relayAll = async () => {
    while ((await relayBatch(db, [sink])) > 0);
  }
  const write = async (count: number) => {
    const events = Array.from({ length: count }, (_, n) => thingDone({ n }))
    await appendEvents(db, events)
    await relayAll()
    return events
  }
  const verify = (withKey = key): Promise<AuditVerdict> => verifyAuditTrail(db, withKey)

  async function entries() {
    return await query<{ seq: string; event_id: string; subject: string; data: unknown }>(
      db,
      'SELECT seq, event_id, subject, data FROM audit_entry ORDER BY seq',
    )
  }

  it('is intact while nothing has happened', async () => {
    expect(await verify()).to.deep.equal({ kind: 'intact', entries: 0 })
  })

  it('has every event once, in the order of the outbox, numbered without a gap', async () => {
    const events = await write(450)
    const rows = await entries()
    expect(rows.map(({ event_id }) => event_id)).to.deep.equal(events.map(({ id }) => id))
    expect(rows.map(({ seq }) => Number(seq))).to.deep.equal(events.map((_, i) => i + 1))
    expect(await verify()).to.deep.equal({ kind: 'intact', entries: 450 })
  })

  it('is verified beyond one reading of it', async () => {
    await write(2_000)
    expect(await verify()).to.deep.equal({ kind: 'intact', entries: 2_000 })
    await query(db, `UPDATE audit_entry SET subject = 'x' WHERE seq = 1001`)
    expect(await verify()).to.deep.equal({ kind: 'broken', seq: '1001', reason: 'content' })
  })

  it('keeps data as it was told, and its chain over it', async () => {
    const data = {
      n: 1,
      nul: 'a\0b',
      lone: '\ud800',
      text: 'ä 🔑 \u2028 "quoted" \\u0000',
      big: 1e21,
      small: 0.1,
      2: 'numbered key',
      none: null,
      list: [{ deep: ['\0'] }],
    }
    await appendEvent(db, thingDone(data))
    await relayAll()
    expect((await entries())[0]!.data).to.deep.equal(data)
    expect(await verify()).to.deep.equal({ kind: 'intact', entries: 1 })
  })

  it('stays whole under a hundred writers and three relays', async () => {
    const log = { warn: () => expect.fail('a relay complained') }
    const relays = [1, 2, 3].map(() => startRelay(db, [sink], log))
    const writers = Array.from({ length: 100 }, async (_, writer) => {
      for (let i = 0; i < 5; i++) {
        await inTransaction(db, async (tx) => {
          await appendEvent(tx, thingDone({ n: writer * 5 + i }))
          if (i === 4 && writer % 10 === 0) throw new Error('taken back')
        }).catch(() => {})
      }
    })
    await Promise.all(writers)
    const expected = 500 - 10
    for (let waitedMs = 0; waitedMs < 30_000; waitedMs += 50) {
      if ((await entries()).length >= expected) break
      await sleep(50)
    }
    await Promise.all(relays.map((relay) => relay.stop()))
    await relayAll()
    const rows = await entries()
    expect(rows).to.have.length(expected)
    expect(new Set(rows.map(({ subject }) => subject))).to.have.property('size', expected)
    expect(await verify()).to.deep.equal({ kind: 'intact', entries: expected })
  })

  it('takes an event once that comes twice, together or later', async () => {
    const event = thingDone({ n: 1 })
    await appendEvents(db, [event, thingDone({ n: 2 }), event])
    await relayAll()
    await appendEvents(db, [thingDone({ n: 3 }), event])
    await relayAll()
    expect((await entries()).map(({ subject }) => subject)).to.deep.equal(['1', '2', '3'])
    expect(await verify()).to.deep.equal({ kind: 'intact', entries: 3 })
  })

  const TAMPERING: [what: string, sql: string, verdict: { seq: string; reason: string }][] = [
    [
      'a changed subject',
      `UPDATE audit_entry SET subject = 'x' WHERE seq = 4`,
      { seq: '4', reason: 'content' },
    ],
    [
      'a removed subject',
      'UPDATE audit_entry SET subject = NULL WHERE seq = 4',
      { seq: '4', reason: 'content' },
    ],
    [
      'a changed type',
      `UPDATE audit_entry SET type = 'auth.thing.undone' WHERE seq = 4`,
      { seq: '4', reason: 'content' },
    ],
    [
      'a changed time',
      `UPDATE audit_entry SET occurred_at = occurred_at - interval '1 ms' WHERE seq = 4`,
      { seq: '4', reason: 'content' },
    ],
    [
      'changed data',
      `UPDATE audit_entry SET data = '{"n":99}' WHERE seq = 4`,
      { seq: '4', reason: 'content' },
    ],
    [
      'another event id',
      'UPDATE audit_entry SET event_id = gen_random_uuid() WHERE seq = 4',
      { seq: '4', reason: 'content' },
    ],
    [
      'a changed hash',
      `UPDATE audit_entry SET hash = decode(repeat('00', 32), 'hex') WHERE seq = 4`,
      { seq: '4', reason: 'content' },
    ],
    [
      'a changed link',
      `UPDATE audit_entry SET previous_hash = decode(repeat('00', 32), 'hex') WHERE seq = 4`,
      { seq: '4', reason: 'link' },
    ],
    ['a missing row', 'DELETE FROM audit_entry WHERE seq = 4', { seq: '4', reason: 'gap' }],
    ['a missing beginning', 'DELETE FROM audit_entry WHERE seq <= 2', { seq: '1', reason: 'gap' }],
    [
      'a missing row whose place was closed',
      `DELETE FROM audit_entry WHERE seq = 4;
       UPDATE audit_entry SET seq = seq - 1 WHERE seq > 4`,
      { seq: '4', reason: 'link' },
    ],
    [
      'two rows that changed places',
      `UPDATE audit_entry SET seq = 100 WHERE seq = 4;
       UPDATE audit_entry SET seq = 4 WHERE seq = 6;
       UPDATE audit_entry SET seq = 6 WHERE seq = 100`,
      { seq: '4', reason: 'link' },
    ],
    [
      'a row that was put in',
      `INSERT INTO audit_entry (seq, event_id, type, occurred_at, data, previous_hash, hash)
       SELECT 11, gen_random_uuid(), type, now(), data, hash, hash FROM audit_entry WHERE seq = 10`,
      { seq: '11', reason: 'content' },
    ],
  ]

  for (const [what, sql, verdict] of TAMPERING) {
    it(`shows ${what}`, async () => {
      await write(10)
      await db.raw(sql)
      expect(await verify()).to.deep.equal({ kind: 'broken', ...verdict })
    })
  }

  describe('of somebody who is forgotten', () => {
    const origin = { ip: '192.0.2.7', userAgent: 'Firefox of Ada', requestId: 'r1' }
    const stored = async () =>
      await query<{ id: string; subject: string; type: string; data: Record<string, unknown> }>(
        db,
        'SELECT event_id AS id, subject, type, data FROM audit_entry ORDER BY seq',
      )
    const opened = async () => await openPersonal(db, keyring, await stored())

    it('keeps what is personal sealed, for as long as the account is there', async () => {
      const clock = { now: () => new Date() }
      const { id: accountId } = await createAccount({ db, clock }, { username: 'ada' })
      const { id: other } = await createAccount({ db, clock }, { username: 'bob' })
      await appendEvent(db, deviceTrusted({ accountId, deviceId: 'd1', ...origin }))
      await appendEvent(db, deviceTrusted({ accountId: other, ip: '192.0.2.8' }))
      await appendEvent(
        db,
        signInFailed({ clientId: 'c', reason: 'unknown_identifier', ...origin }),
      )
      await relayAll()
      const trusted = (await stored()).filter(({ type }) => type === deviceTrusted.type)
      expect(JSON.stringify(trusted)).not.to.include('192.0.2').and.not.to.include('Firefox')
      expect(trusted[0]!.data).to.include({ accountId, deviceId: 'd1', requestId: 'r1' })
      const open = (await opened()).filter(({ type }) => type === deviceTrusted.type)
      expect(open.map(({ data }) => data)).to.deep.equal([
        { accountId, deviceId: 'd1', ...origin },
        { accountId: other, ip: '192.0.2.8' },
      ])
      const before = await entries()
      await appendEvent(db, deviceTrusted({ accountId, deviceId: 'd2', ...origin }))
      await deleteAccount({ db }, accountId)
      await relayAll()
      expect((await entries()).slice(0, before.length)).to.deep.equal(before)
      expect((await verify()).kind).to.equal('intact')
      const left = JSON.stringify((await opened()).filter(({ subject }) => subject === accountId))
      expect(left).to.include('d2').and.not.to.include('192.0.2.7').and.not.to.include('Firefox')
      expect(await query(db, 'SELECT account_id FROM subject_key')).to.deep.equal([
        { account_id: other },
      ])
    })

    it('opens nothing that was moved to another entry', async () => {
      const clock = { now: () => new Date() }
      const { id: accountId } = await createAccount({ db, clock }, { username: 'ada' })
      for (const deviceId of ['d1', 'd2']) {
        await appendEvent(db, deviceTrusted({ accountId, deviceId, ...origin }))
      }
      await relayAll()
      const [, first, second] = await stored()
      const moved = { ...second!, data: { ...second!.data, personal: first!.data['personal'] } }
      const error = await openPersonal(db, keyring, [moved]).catch((refusal) => refusal)
      expect(error).to.include({ code: 'internal' })
    })
  })

  it('cannot be verified, or continued unseen, with another key', async () => {
    await write(3)
    expect(await verify(createSecretKey(randomBytes(32)))).to.deep.equal({
      kind: 'broken',
      seq: '1',
      reason: 'content',
    })
    await appendEvent(db, thingDone({ n: 4 }))
    await relayBatch(db, [createAuditSink(freshKeyring())])
    expect(await verify()).to.deep.equal({ kind: 'broken', seq: '4', reason: 'content' })
  })

  it('is verified while it grows', async () => {
    await write(50)
    const growing = Promise.all([1, 2, 3].map(() => write(100)))
    for (let i = 0; i < 10; i++) expect((await verify()).kind).to.equal('intact')
    await growing
    expect(await verify()).to.deep.equal({ kind: 'intact', entries: 350 })
  })
})
