import { createServer, type Server, type Socket, connect as tcpConnect } from 'node:net'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'chai'
import {
  type Change,
  type ChangeFeed,
  notifyChange,
  openChangeFeed,
} from '../../../src/platform/persistence/change_feed.ts'
import {
  type Db,
  type DbConnection,
  inTransaction,
  openDb,
  query,
} from '../../../src/platform/persistence/db.ts'
import { type TestDatabase, testDatabase } from '../../support/postgres.ts'

describe('persistence/change_feed', function () {
  this.timeout(20_000)
  let database: TestDatabase
  let db: Db
  let feeds: ChangeFeed[]
  let words: string[]

  beforeEach(async () => {
    database = await testDatabase({ migrated: false })
    db = openDb({ connection: database.connection, poolMax: 2, timeoutMs: 5_000 })
    feeds = []
    words = []
  })

  afterEach(async () => {
    await Promise.all(feeds.map((feed) => feed.close()))
    await db.destroy()
    await database.drop()
  })

  async function open(connection: DbConnection = database.connection, options = {}) {
    const feed = await openChangeFeed(connection, (message) => words.push(message), options)
    feeds.push(feed)
    const heard: Change[] = []
    const unsubscribe = feed.subscribe((change) => heard.push(change))
    return { feed, heard, unsubscribe }
  }

  async function listening(): Promise<number[]> {
    const rows = await query<{ pid: number }>(
      db,
      `SELECT pid FROM pg_stat_activity
        WHERE application_name = 'authcore change feed' AND datname = current_database()`,
    )
    return rows.map(({ pid }) => pid)
  }

  async function cut(): Promise<void> {
    for (const pid of await listening()) await query(db, 'SELECT pg_terminate_backend($1)', [pid])
  }

  it('tells every node what has changed, when the transaction of the change commits', async () => {
    const [one, two] = [await open(), await open()]
    await inTransaction(db, async (tx) => {
      await notifyChange(tx, 'client', 'shop')
      await sleep(100)
      expect(one.heard).to.deep.equal([])
    })
    await notifyChange(db, 'signing_key')
    await until(() => one.heard.length === 2 && two.heard.length === 2)
    expect(one.heard).to.deep.equal([
      { topic: 'client', id: 'shop' },
      { topic: 'signing_key', id: '' },
    ])
    expect(two.heard).to.deep.equal(one.heard)
  })

  it('keeps silent about a change that was taken back', async () => {
    const { heard } = await open()
    await inTransaction(db, async (tx) => {
      await notifyChange(tx, 'client', 'shop')
      throw new Error('no')
    }).catch(() => {})
    await notifyChange(db, 'account', 'a:b')
    await until(() => heard.length > 0)
    expect(heard).to.deep.equal([{ topic: 'account', id: 'a:b' }])
  })

  it('tells a listener nothing more once it has left', async () => {
    const { heard, unsubscribe } = await open()
    const other = await open()
    unsubscribe()
    await notifyChange(db, 'client')
    await until(() => other.heard.length === 1)
    expect(heard).to.deep.equal([])
  })

  it('connects again when it was cut off, and takes everything for changed', async () => {
    const { feed, heard } = await open()
    expect(feed.connected).to.equal(true)
    await cut()
    await until(() => !feed.connected)
    await notifyChange(db, 'client', 'missed')
    await until(() => feed.connected)
    expect(heard).to.deep.equal([{ topic: 'everything' }])
    expect(words).to.deep.equal(['the change feed is connected again'])
    await notifyChange(db, 'client', 'heard')
    await until(() => heard.length === 2)
    expect(heard[1]).to.deep.equal({ topic: 'client', id: 'heard' })
  })

  it('tries again for as long as nobody answers', async () => {
    const proxy = await openProxy()
    const { feed, heard } = await open(proxy.connection)
    await proxy.close()
    await until(() => !feed.connected)
    await sleep(2_500)
    await proxy.listen()
    await until(() => feed.connected)
    expect(heard).to.deep.equal([{ topic: 'everything' }])
    await feed.close()
    await proxy.close()
  })

  it('notices that a connection which seems to stand has died without a word', async () => {
    const proxy = await openProxy()
    const { feed, heard } = await open(proxy.connection, { checkMs: 200, answerMs: 300 })
    await sleep(500)
    expect(proxy.accepted).to.equal(1)
    proxy.mute()
    await until(() => !feed.connected)
    await until(() => feed.connected)
    expect(heard).to.deep.equal([{ topic: 'everything' }])
    await feed.close()
    await proxy.close()
  })

  it('lets the other listeners hear what one of them chokes on', async () => {
    const { feed, heard } = await open()
    const choking = await open()
    choking.feed.subscribe(() => {
      throw new Error('no')
    })
    const after: Change[] = []
    choking.feed.subscribe((change) => after.push(change))
    await notifyChange(db, 'client', 'shop')
    await until(() => heard.length === 1 && after.length === 1)
    expect(feed.connected && choking.feed.connected).to.equal(true)
    expect(words).to.deep.equal(['a listener of the change feed failed'])
  })

  it('leaves nothing behind where the first connection fails', async () => {
    const proxy = await openProxy()
    await proxy.close()
    const failed = await openChangeFeed(proxy.connection, () => {}).then(
      () => false,
      () => true,
    )
    expect(failed).to.equal(true)
    await proxy.listen()
    await sleep(2_000)
    expect(await listening()).to.deep.equal([])
    await proxy.close()
  })

  it('leaves nothing behind where it is closed while it connects again', async () => {
    const proxy = await openProxy()
    const { feed, heard } = await open(proxy.connection)
    proxy.delayMs = 700
    await cut()
    await until(() => proxy.accepted === 2)
    await feed.close()
    await sleep(1_500)
    expect(await listening()).to.deep.equal([])
    expect(heard).to.deep.equal([])
    await proxy.close()
  })

  /** Stands before the database, so that it can be away or slow to answer. */
  async function openProxy() {
    const { host, port, user, database: name } = database.connection
    const socketPath = path.join(host, `.s.PGSQL.${port}`)
    const sockets = new Set<Socket>()
    const proxy = {
      delayMs: 0,
      accepted: 0,
      connection: { host: '127.0.0.1', port: 0, user, database: name },
      /** What runs through it now is lost on the way from here on. */
      mute: () => {
        for (const socket of sockets) socket.unpipe().pause()
      },
      listen: () =>
        new Promise<void>((resolve) => {
          server.listen(proxy.connection.port, '127.0.0.1', () => resolve())
        }),
      close: () =>
        new Promise<void>((resolve) => {
          server.close(() => resolve())
          for (const socket of sockets) socket.destroy()
        }),
    }
    const server: Server = createServer(async (near) => {
      proxy.accepted += 1
      near.on('error', () => {})
      near.pause()
      await sleep(proxy.delayMs)
      const far = tcpConnect(socketPath)
      far.on('error', () => {})
      for (const socket of [near, far]) sockets.add(socket)
      near.pipe(far).pipe(near)
      near.on('close', () => far.destroy())
      far.on('close', () => near.destroy())
    })
    await proxy.listen()
    proxy.connection.port = (server.address() as { port: number }).port
    return proxy
  }
})

async function until(condition: () => boolean): Promise<void> {
  for (let waitedMs = 0; waitedMs < 8_000; waitedMs += 20) {
    if (condition()) return
    await sleep(20)
  }
  expect.fail(`this never came true: ${condition}`)
}
