import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'chai'
import { findLastRun, type SyncRun } from '../../src/domain/directory_sync/sync_run_store.ts'
import type { Connection } from '../../src/domain/federation/connection.ts'
import { createConnection } from '../../src/domain/federation/manage_connections.ts'
import { startDirectories } from '../../src/main/directories.ts'
import { startWorker, type Worker } from '../../src/main/worker.ts'
import { OutboundError } from '../../src/platform/outbound/outbound_error.ts'
import { type AuthCore, startAuthCore } from '../support/authcore.ts'
import { madeUpSource, personOf } from '../support/made_up_source.ts'

/** Workers that go through the directories of a deployment by the clock. */

describe('main/directories', function () {
  this.timeout(30_000)
  const source = madeUpSource()
  const { directory } = source
  let server: AuthCore
  let worker: Worker
  let names = 0
  before(async () => {
    server = await startAuthCore({ kinds: source.kinds })
    worker = await startWorker(server.parts)
  })
  after(async () => {
    await worker?.stop()
    await server?.stop()
  })
  beforeEach(() => {
    delete directory.beforePage
  })

  const connect = async (): Promise<Connection> => {
    const sync = { create: true, page_size: 2 }
    const content = { name: `corp-${++names}`, kind: 'made_up_directory', sync }
    return await createConnection(
      { ...server.parts, kinds: source.kinds },
      { content, secrets: {} },
    )
  }
  const runOf = async ({ id }: Connection, isIt: (run: SyncRun) => boolean): Promise<SyncRun> => {
    for (;;) {
      const run = await findLastRun(server.parts.db, id)
      if (run && isIt(run)) return run
      await sleep(10)
    }
  }
  const ended = (run: SyncRun) => run.endedAt !== undefined
  const metric = async (line: string): Promise<number> => {
    const text = await server.parts.metrics.scrape()
    const found = text.split('\n').find((each) => each.startsWith(`${line} `))
    return Number(found?.split(' ')[1] ?? 0)
  }

  it('go through those that are due, and count what came of it', async () => {
    directory.people = ['ada', 'grace', 'edsger'].map((subject) => ({ person: personOf(subject) }))
    const good = await connect()
    const directories = startDirectories(server.parts, { intervalMs: 20 })
    try {
      const run = await runOf(good, ended)
      expect(run).to.deep.include({ outcome: 'synced' })
      expect(run.counts).to.include({ seen: 3, created: 3 })
      directory.beforePage = () => {
        throw new OutboundError('connect', 'ldaps://directory.example')
      }
      const away = await connect()
      expect(await runOf(away, ended)).to.include({ outcome: 'failed', reason: 'unavailable' })
    } finally {
      await directories.stop()
    }
    const total = 'authcore_directory_syncs_total'
    expect(await metric(`${total}{outcome="synced"}`)).to.equal(1)
    expect(await metric(`${total}{outcome="unavailable"}`)).to.equal(1)
    expect(await metric('authcore_directory_unsynced_seconds')).to.be.within(0.001, 60)
    const told = server.logged.find(
      ({ msg }) => msg === 'a directory was not gone through to its end',
    )
    expect(told).to.include({ reason: 'unavailable', level: 40 })
  })

  it('let go of a run where they stop, and another goes on with it', async () => {
    directory.people = ['first', 'second', 'third'].map((subject) => ({
      person: personOf(subject),
    }))
    const connection = await connect()
    let stopping: Promise<void> | undefined
    const first = startDirectories(server.parts, { intervalMs: 20 })
    directory.beforePage = (told) => {
      if (told > 0) stopping ??= first.stop()
    }
    const cut = await runOf(connection, ({ counts }) => counts.created === 2)
    while (!stopping) await sleep(5)
    await stopping
    expect(await findLastRun(server.parts.db, connection.id)).to.deep.include({
      endedAt: undefined,
    })
    const second = startDirectories(server.parts, { intervalMs: 20 })
    try {
      const whole = await runOf(connection, ended)
      expect(whole).to.deep.include({ id: cut.id, outcome: 'synced' })
      expect(whole.counts).to.include({ seen: 3, created: 3 })
    } finally {
      await second.stop()
    }
  })
})
