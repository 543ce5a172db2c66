import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'chai'
import { disableClient } from '../../../src/domain/clients/block_client.ts'
import { createClientCache } from '../../../src/domain/clients/client_cache.ts'
import { createClient } from '../../../src/domain/clients/create_client.ts'
import { createRecordCache } from '../../../src/domain/clients/record_cache.ts'
import {
  type ChangeFeed,
  type ChangeListener,
  openChangeFeed,
} from '../../../src/platform/persistence/change_feed.ts'
import {
  type DomainDatabase,
  domainDatabase,
  keyring,
  movableClock,
  statementsOf,
} from '../domain_database.ts'

describe('domain/clients/client_cache', function () {
  this.timeout(60_000)
  let database: DomainDatabase
  let changes: ChangeFeed
  let db: DomainDatabase['db']
  const deps = () => ({ db, keyring, clock: movableClock(new Date()) })
  const newClient = async () => {
    const metadata = { redirect_uris: ['https://a.example/cb'] }
    return (await createClient(deps(), { name: 'A', preset: 'spa', metadata })).client.clientId
  }

  before(async () => {
    database = await domainDatabase()
    db = database.db
    changes = await openChangeFeed(database.connection, () => {})
  })
  after(async () => {
    await changes?.close()
    await database?.close()
  })

  it('asks once for a client however many wait for it, and then not at all', async () => {
    const cache = createClientCache({ db })
    const id = await newClient()
    const first = await statementsOf(() =>
      Promise.all(Array.from({ length: 20 }, () => cache.find(id))),
    )
    expect(first).to.have.length(1)
    expect(await statementsOf(() => cache.find(id))).to.be.empty
  })

  it('hears from the change feed what has changed', async () => {
    const cache = createClientCache({ db, changes })
    const id = await newClient()
    expect((await cache.find(id))?.status).to.equal('active')
    await disableClient(deps(), id)
    // The record would live for half a minute; only the feed can end it sooner.
    const deadline = Date.now() + 10_000
    while ((await cache.find(id))?.status === 'active' && Date.now() < deadline) await sleep(5)
    expect((await cache.find(id))?.status).to.equal('disabled')
    cache.close()
  })

  it('remembers what is not there only for a moment', async () => {
    const cache = createClientCache({ db, ttlMs: 500 })
    expect(await statementsOf(() => cache.find('nobody'))).to.have.length(1)
    expect(await statementsOf(() => cache.find('nobody'))).to.be.empty
    await sleep(600)
    expect(await statementsOf(() => cache.find('nobody'))).to.have.length(1)
  })

  it('never asks for what cannot be an id', async () => {
    const cache = createClientCache({ db })
    const asked = await statementsOf(() => cache.find('\u0000'))
    expect(asked).to.be.empty
  })
})

describe('domain/clients/record_cache', () => {
  const changeFeed = () => {
    const listeners = new Set<ChangeListener>()
    return {
      emit: (...change: Parameters<ChangeListener>) => {
        for (const listener of listeners) listener(...change)
      },
      subscribe: (listener: ChangeListener) => {
        listeners.add(listener)
        return () => listeners.delete(listener)
      },
      listeners,
    }
  }

  it('does not keep what was read before the change was heard', async () => {
    const answers = [Promise.withResolvers<object>(), Promise.withResolvers<object>()]
    let asked = 0
    const changes = changeFeed()
    const load = () => answers[asked++]!.promise
    const cache = createRecordCache({ topic: 'client', load, changes })
    const early = cache.find('a')
    changes.emit({ topic: 'client', id: 'a' })
    const late = cache.find('a')
    answers[1]!.resolve({ version: 2 })
    await late
    answers[0]!.resolve({ version: 1 })
    await early
    expect(await cache.find('a')).to.deep.equal({ version: 2 })
    expect(asked).to.equal(2)
  })

  it('forgets everything where the feed was away, and ignores other topics', async () => {
    const changes = changeFeed()
    let asked = 0
    const load = async () => ({ asked: ++asked })
    const cache = createRecordCache({ topic: 'client', load, changes })
    await cache.find('a')
    changes.emit({ topic: 'account', id: 'a' })
    changes.emit({ topic: 'client', id: 'b' })
    await cache.find('a')
    expect(asked).to.equal(1)
    changes.emit({ topic: 'everything' })
    await cache.find('a')
    expect(asked).to.equal(2)
    cache.close()
    expect(changes.listeners.size).to.equal(0)
  })

  it('keeps no failure', async () => {
    let asked = 0
    const load = () => (asked++ === 0 ? Promise.reject(new Error('away')) : Promise.resolve({}))
    const cache = createRecordCache({ topic: 'client', load })
    expect(await cache.find('a').catch((error: Error) => error.message)).to.equal('away')
    expect(await cache.find('a')).to.deep.equal({})
  })

  it('holds no more than it may, and no miss drives a record out', async () => {
    let asked = 0
    const load = async (id: string) => {
      asked += 1
      return id.startsWith('real') ? { id } : undefined
    }
    const cache = createRecordCache({ topic: 'client', load, max: 2 })
    await cache.find('real1')
    for (let i = 0; i < 100; i += 1) await cache.find(`invented${i}`)
    asked = 0
    await cache.find('real1')
    expect(asked).to.equal(0)
    for (const id of ['real2', 'real3', 'real1']) await cache.find(id)
    expect(asked).to.equal(3)
  })
})
