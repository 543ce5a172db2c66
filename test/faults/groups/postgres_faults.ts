import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import * as smallDisk from '../../support/small_disk.ts'
import { ALWAYS, type Group, type Setting } from '../harness/fault.ts'
import type { OwnPostgres } from '../harness/own_postgres.ts'
import { startStand } from '../harness/stand.ts'

/** What happens to the database, on which everything rests. */

/** Everybody is told to come again, and nobody waits for an answer that never comes. */
const NOT_NOW = { meets: ['unavailable'], mustMeet: 'unavailable' } as const
/** Lost in the middle of a statement, nobody knows whether it was carried out. */
const LOST = { ...NOT_NOW, notNowIsInDoubt: true } as const

type OnDisk = Setting & { disk: smallDisk.SmallDisk | undefined }

const DISK_MB = 220
const disk = smallDisk.available()

export const postgresFaults: Group<OnDisk> = {
  title: 'a PostgreSQL that fails',
  needs: () => ALWAYS,
  async start(form) {
    const small = disk.ok ? smallDisk.startSmallDisk(DISK_MB) : undefined
    const stand = await startStand({
      // What an operator gets by default is measured; a test need not wait for it.
      env: form === 'short' ? { AUTHCORE_DATABASE_TIMEOUT: '2s' } : {},
      ...(small ? { databaseFolder: small.folder } : {}),
    })
    return { stand, disk: small, stop: () => stand.stop() }
  },
  faults: [
    {
      name: 'postgres_killed',
      what: 'every process of PostgreSQL is killed (-9), and it is started again',
      async strike({ stand: { postgres } }) {
        postgres.kill()
        return () => postgres.start()
      },
      ...LOST,
      lastsMs: { short: 500, long: 5_000 },
    },
    {
      name: 'postgres_restarted',
      what: 'PostgreSQL is restarted in order',
      async strike({ stand: { postgres } }) {
        await postgres.stop()
        return () => postgres.start()
      },
      ...LOST,
      lastsMs: { short: 200, long: 1_000 },
    },
    {
      name: 'postgres_connections_cut',
      what: 'every connection is cut by pg_terminate_backend',
      async strike({ stand: { postgres } }) {
        await cut(postgres)
        return async () => {}
      },
      // So short that it may pass unnoticed.
      meets: ['unavailable'],
      notNowIsInDoubt: true,
      rounds: { short: 6, long: 20 },
      lastsMs: { short: 0, long: 0 },
    },
    {
      name: 'postgres_frozen',
      what: 'PostgreSQL is frozen and goes on',
      async strike({ stand: { postgres } }) {
        postgres.freeze()
        return async () => postgres.thaw()
      },
      ...LOST,
      lastsMs: { short: 3_500, long: 10_000 },
    },
    {
      name: 'pool_exhausted',
      what: 'a lock on a table holds every connection of the pool',
      async strike({ stand: { postgres } }) {
        const admin = await connected(postgres)
        await holdRecords(admin)
        return async () => void (await admin.end())
      },
      ...NOT_NOW,
      lastsMs: { short: 0, long: 10_000 },
    },
    {
      name: 'postgres_full_of_connections',
      what: 'others take every connection that PostgreSQL has',
      async strike({ stand: { postgres } }) {
        const taken = await takeEveryConnection(postgres)
        return async () => void (await Promise.all(taken.map((each) => each.end())))
      },
      // Those of the server are cut to take their places.
      ...LOST,
      lastsMs: { short: 500, long: 10_000 },
    },
    {
      name: 'disk_full',
      what: 'the disk of PostgreSQL is full to the last byte, and has room again',
      needs: () => disk,
      async strike({ disk, stand: { postgres } }) {
        disk!.fill()
        return async () => {
          disk!.free()
          // It may have given up meanwhile, and whoever runs it starts it again.
          await postgres.start()
        }
      },
      ...LOST,
      lastsMs: { short: 500, long: 10_000 },
    },
  ],
}

const OTHERS = `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
  WHERE datname = current_database() AND pid <> pg_backend_pid()
    AND backend_type = 'client backend'`

async function cut(postgres: OwnPostgres): Promise<void> {
  await postgres.asAdmin((admin) => admin.query(OTHERS))
}

async function connected({ connection }: OwnPostgres): Promise<pg.Client> {
  const client = new pg.Client(connection)
  client.on('error', () => {})
  await client.connect()
  return client
}

/** Of the server and this, each may wait for what the other has; PostgreSQL then ends one of them. */
async function holdRecords(admin: pg.Client): Promise<void> {
  for (;;) {
    try {
      await admin.query('BEGIN')
      return void (await admin.query('LOCK TABLE oidc_record IN ACCESS EXCLUSIVE MODE'))
    } catch (error) {
      await admin.query('ROLLBACK')
      if ((error as { code?: string }).code !== '40P01') throw error
    }
  }
}

/** Those of the server are cut until it has none; whoever asks first afterwards is one of ours. */
async function takeEveryConnection(postgres: OwnPostgres): Promise<pg.Client[]> {
  const first = await connected(postgres)
  const taken = [first]
  const deadline = performance.now() + 20_000
  // One that is being opened is not listed yet.
  for (let looks = 0; looks < 3; ) {
    try {
      taken.push(await connected(postgres))
      looks = 0
    } catch {
      const { rowCount } = await first.query(`${OTHERS} AND application_name LIKE 'authcore%'`)
      looks = rowCount === 0 ? looks + 1 : 0
      await sleep(rowCount === 0 ? 30 : 5)
    }
    if (performance.now() > deadline) throw new Error('the server has a connection still')
  }
  return taken
}
