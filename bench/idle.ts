import { execFileSync } from 'node:child_process'
import { setTimeout as sleep } from 'node:timers/promises'
import type pg from 'pg'
import type { Connection } from '../test/support/postgres.ts'
import { residentBytesOf } from './protocol/processes.ts'
import { asSuperuser, COUNTED } from './support/counted_statements.ts'
import { onPostgres, startMeasured } from './support/measured_server.ts'
import { judge, mebibytes, printHeading, printRows, seconds } from './support/report.ts'
import { ROOT, temporaryFolder } from './support/server_process.ts'

/**
 * What a server costs that nobody uses: how soon it is ready, what it holds in memory, what it asks
 * PostgreSQL a minute and which statements these are, and what installing it takes on the disk. The
 * size of the container image is not measured here: that takes a container engine.
 */

/** Until what a start leaves behind is done, and nothing is due any more that grows rarer. */
const SETTLE_MS = 180_000
const MINUTES = 4
const TARGET_PER_MINUTE = 20

export async function measure(): Promise<boolean> {
  printHeading('Idle')
  const folder = await temporaryFolder()
  const work = async (connection: Connection) => {
    const told = await asSuperuser(connection)
    const prepare = async () => {}
    const { server } = await startMeasured(folder, connection, { prepare })
    try {
      return await measureAt(server, told)
    } finally {
      await server.stop()
      await told.end()
    }
  }
  return await onPostgres(folder, work, COUNTED)
}

async function measureAt(
  server: { pid: number; readyMs: number },
  told: pg.Client,
): Promise<boolean> {
  await sleep(SETTLE_MS)
  await told.query('SELECT pg_stat_statements_reset()')
  await sleep(MINUTES * 60_000)
  const statements = await listStatements(told)
  const perMinute = statements.reduce((sum, { calls }) => sum + calls, 0) / MINUTES
  printRows([
    { what: 'ready after', value: seconds(server.readyMs) },
    { what: 'memory', value: mebibytes(residentBytesOf(server.pid)) },
    { what: 'statements a minute', value: perMinute.toFixed(1) },
    { what: 'installed, with what production needs', value: mebibytes(installedBytes()) },
  ])
  console.log(`\nWhat is asked, times in ${MINUTES} minutes:`)
  printRows(statements.map(({ calls, text }) => ({ what: text, value: String(calls) })))
  return judge('Statements a minute', perMinute, TARGET_PER_MINUTE, '')
}

/** Those of others than ourselves. */
async function listStatements(told: pg.Client): Promise<{ calls: number; text: string }[]> {
  const { rows } = await told.query<{ calls: number; text: string }>(
    `SELECT calls::integer, left(regexp_replace(query, '\\s+', ' ', 'g'), 100) AS text
       FROM pg_stat_statements WHERE userid <> current_user::regrole ORDER BY calls DESC, text`,
  )
  return rows
}

/** Of the packages that production needs, as they lie here; each file once. */
function installedBytes(): number {
  const options = { cwd: ROOT, encoding: 'utf8', maxBuffer: 1 << 26 } as const
  const listed = execFileSync('npm', ['ls', '--all', '--parseable', '--omit=dev'], options)
  const folders = listed.split('\n').filter((folder) => folder.includes('node_modules'))
  const sizes = execFileSync('du', ['-sck', '--apparent-size', ...folders], options)
  return Number(sizes.trim().split('\n').at(-1)!.split('\t')[0]) * 1024
}
