import { type ChildProcess, spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { type Db, openDb, query } from '../../src/platform/persistence/db.ts'
import { migrateUp } from '../../src/platform/persistence/migrate.ts'
import { type Connection, urlOf } from '../../test/support/postgres.ts'
import { plainEnvironment, ROOT } from './server_process.ts'

/** A command of `authcore` on a database of its own: how long it takes, and the most it ever holds. */

export type Place = { folder: string; databaseUrl: string; db: Db }
export type Took = { tookMs: number; peakBytes: number }
export type Run = { child: ChildProcess; ended: Promise<Took> }

export async function inDatabase<T>(
  { folder, server, name }: { folder: string; server: Connection; name: string },
  work: (place: Place) => Promise<T>,
): Promise<T> {
  const databaseUrl = await createDatabase(server, name)
  const connection = { connectionString: databaseUrl }
  const db = openDb({ connection, poolMax: 2, timeoutMs: 30_000 })
  try {
    await migrateUp(db)
    return await work({ folder: path.join(folder, name), databaseUrl, db })
  } finally {
    await db.destroy()
  }
}

/** @returns its address */
export async function createDatabase(connection: Connection, name: string): Promise<string> {
  const admin = openDb({ connection, poolMax: 1, timeoutMs: 30_000 })
  try {
    await query(admin, `CREATE DATABASE ${name}`)
  } finally {
    await admin.destroy()
  }
  return urlOf({ ...connection, database: name })
}

export function startCommand(
  { folder, databaseUrl }: Pick<Place, 'folder' | 'databaseUrl'>,
  args: readonly string[],
  env: Record<string, string> = {},
): Run {
  const startedAt = performance.now()
  const program = path.join(ROOT, 'src/main/cli/authcore.ts')
  const child = spawn(path.join(ROOT, 'node_modules/node/bin/node'), [program, ...args, '--json'], {
    env: { ...plainEnvironment(), DATABASE_URL: databaseUrl, AUTHCORE_DATA_DIR: folder, ...env },
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  return { child, ended: watch(child, args, startedAt) }
}

async function watch(child: ChildProcess, args: readonly string[], startedAt: number) {
  const exit = new Promise<number | null>((resolve) => child.once('exit', resolve))
  let peakBytes = 0
  const timer = setInterval(() => {
    peakBytes = Math.max(peakBytes, peakOf(child.pid))
  }, 20)
  const code = await exit
  clearInterval(timer)
  if (code !== 0 && code !== null) throw new Error(`${args.join(' ')} ended with ${code}`)
  return { tookMs: performance.now() - startedAt, peakBytes }
}

/** What Linux remembers as the most that the process ever held. */
function peakOf(pid: number | undefined): number {
  try {
    const status = readFileSync(`/proc/${pid}/status`, 'utf8')
    return Number(/^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0) * 1024
  } catch {
    return 0
  }
}
