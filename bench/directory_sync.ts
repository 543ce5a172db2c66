import { mkdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { query } from '../src/platform/persistence/db.ts'
import * as openldap from '../test/support/openldap.ts'
import type { Connection } from '../test/support/postgres.ts'
import { inDatabase, type Place, startCommand, type Took } from './support/measured_command.ts'
import { onPostgres } from './support/measured_server.ts'
import { judge, mebibytes, printHeading, printRows, type Row, seconds } from './support/report.ts'
import { temporaryFolder } from './support/server_process.ts'

/**
 * A hundred thousand made-up people in a real OpenLDAP, gone through by `authcore connection sync` over
 * TLS into a PostgreSQL that writes every commit to the disk: once when all of them are new, and once
 * when nothing has changed. Directory, command and database share the machine.
 */

const PEOPLE = 100_000
const TARGET_MIB = 250
const TARGET_FIRST_S = 120
const TARGET_AGAIN_S = 60
const PASSWORD = { READER_PASSWORD: openldap.READER.password }

export async function measure(): Promise<boolean> {
  printHeading('Directory sync')
  const availability = openldap.available()
  if (!availability.ok) throw new Error(availability.reason)
  const folder = await temporaryFolder()
  const directory = await openldap.startOpenLdap({ ldif: people(), maxBytes: 2 ** 30 })
  try {
    return await onPostgres(folder, (server) => measureOn(folder, directory, server))
  } finally {
    await directory.stop()
  }
}

async function measureOn(
  folder: string,
  directory: openldap.OpenLdap,
  server: Connection,
): Promise<boolean> {
  return await inDatabase({ folder, server, name: 'sync' }, async (place) => {
    await connect(place, directory)
    const sync = () => startCommand(place, ['connection', 'sync', 'staff'], PASSWORD).ended
    const first = await sync()
    const wrong = await countWrong(place)
    const written = await countWrites(place)
    const again = await sync()
    printRows([
      ...rowsOf('all of them new', first),
      ...rowsOf('nothing changed', again),
      {
        what: 'rows of accounts written then',
        value: String((await countWrites(place)) - written),
      },
    ])
    const met = [
      judge('All of them new', first.tookMs / 1000, TARGET_FIRST_S, 's'),
      judge('Nothing changed', again.tookMs / 1000, TARGET_AGAIN_S, 's'),
      judge('Peak memory', Math.max(first.peakBytes, again.peakBytes) / 2 ** 20, TARGET_MIB, 'MiB'),
      judge('Missing or twice', wrong, 1, 'people'),
    ]
    return met.every(Boolean)
  })
}

async function connect(place: Place, directory: openldap.OpenLdap): Promise<void> {
  mkdirSync(place.folder, { recursive: true })
  const file = path.join(place.folder, 'staff.json')
  const settings = {
    ...{ servers: [directory.ldaps], ca_file: directory.caFile, base_dn: openldap.BASE },
    ...{ bind_dn: openldap.READER.dn, bind_password: { env: 'READER_PASSWORD' } },
    email_verified: true,
  }
  const content = { name: 'staff', kind: 'ldap', sync: { create: true }, settings }
  writeFileSync(file, JSON.stringify(content))
  await startCommand(place, ['connection', 'create', file], PASSWORD).ended
}

function rowsOf(what: string, { tookMs, peakBytes }: Took): Row[] {
  return [
    { what, value: seconds(tookMs) },
    { what: `${what}: people a second`, value: String(Math.round(PEOPLE / (tookMs / 1000))) },
    { what: `${what}: peak memory`, value: mebibytes(peakBytes) },
  ]
}

/** How many people are missing, or lack their identity or one of their two events. */
async function countWrong({ db }: Place): Promise<number> {
  const [row] = await query<Record<string, number>>(
    db,
    `SELECT (SELECT count(*)::integer FROM account WHERE email_verified) AS people,
            (SELECT count(*)::integer FROM identity WHERE owns_account) AS identities,
            (SELECT count(*)::integer FROM event_outbox WHERE type = 'auth.user_created') AS made,
            (SELECT count(*)::integer FROM event_outbox WHERE type = 'auth.identity.linked') AS linked`,
  )
  return Math.max(...Object.values(row!).map((count) => Math.abs(count - PEOPLE)))
}

/** Since the database was made. */
async function countWrites({ db }: Place): Promise<number> {
  await query(db, 'SELECT pg_stat_force_next_flush()')
  const [row] = await query<{ written: number }>(
    db,
    `SELECT (n_tup_ins + n_tup_upd)::integer AS written FROM pg_stat_user_tables
      WHERE relname = 'account'`,
  )
  return row!.written
}

function people(): string {
  const entries = Array.from({ length: PEOPLE }, (_, i) =>
    openldap.personLdif(`person.${i}`, {
      ...{
        displayName: `Person ${i} Test`,
        preferredLanguage: 'en',
        departmentNumber: `${i % 50}`,
      },
    }),
  )
  return entries.join('')
}
