import { expect } from 'chai'
import fc from 'fast-check'
import { newId } from '../../../src/core/ids.ts'
import { listEntriesOfSubject } from '../../../src/domain/audit/audit_entry_store.ts'
import { createAuditSink } from '../../../src/domain/audit/audit_trail.ts'
import { defineEvent } from '../../../src/platform/events/event.ts'
import { appendEvents } from '../../../src/platform/events/outbox.ts'
import { relayBatch } from '../../../src/platform/events/relay.ts'
import { type DomainDatabase, domainDatabase, keyring } from '../domain_database.ts'

const KINDS = ['auth.thing.done', 'auth.thing.undone', 'auth.thing.else'] as const
const events = KINDS.map((type) => defineEvent<{ whose: string }>(type, ({ whose }) => whose))

/** The trail of one account is read page by page, each beginning where the last one ended. */
describe('the pages of an account’s activity', function () {
  this.timeout(60_000)
  let database: DomainDatabase
  const [ada, bob] = [newId(), newId()]

  before(async () => {
    database = await domainDatabase()
    for (let n = 0; n < 24; n++) {
      const whose = n % 4 === 3 ? bob : ada
      await appendEvents(database.db, [events[n % 3]!({ whose })])
    }
    const sink = createAuditSink(keyring)
    while ((await relayBatch(database.db, [sink])) > 0);
  })
  after(() => database?.close())

  const page = (input: { types: readonly string[]; before?: string | undefined; limit: number }) =>
    listEntriesOfSubject(
      { db: database.db, keyring },
      { subject: ada, before: undefined, ...input },
    )
  const idsOf = async (input: Parameters<typeof page>[0]) =>
    (await page(input)).map(({ eventId }) => eventId)
  const some = fc.uniqueArray(fc.constantFrom(...KINDS), { minLength: 1 })
  const limit = fc.integer({ min: 1, max: 20 })

  it('hold everything once and in order, however long a page is', async () => {
    await fc.assert(
      fc.asyncProperty(some, limit, async (types, limit) => {
        const whole = await idsOf({ types, limit: 100 })
        const walked: string[] = []
        for (let pages = 0; pages <= whole.length; pages++) {
          const next = await idsOf({ types, limit, before: walked.at(-1) })
          if (next.length === 0) break
          expect(next.length).to.be.at.most(limit)
          walked.push(...next)
        }
        expect(walked).to.deep.equal(whole)
      }),
      { numRuns: 25 },
    )
  })

  it('begin anew for a mark that is nobody’s, or of another account', async () => {
    const [others] = await listEntriesOfSubject(
      { db: database.db, keyring },
      { subject: bob, types: KINDS, before: undefined, limit: 1 },
    )
    const mark = fc.oneof(fc.constant(others!.eventId), fc.uuid())
    await fc.assert(
      fc.asyncProperty(some, limit, mark, async (types, limit, before) => {
        const first = await idsOf({ types, limit })
        expect(await idsOf({ types, limit, before })).to.deep.equal(first)
      }),
      { numRuns: 15 },
    )
  })
})
