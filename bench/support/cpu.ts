import { readdirSync, readFileSync } from 'node:fs'
import { type Db, query } from '../../src/platform/persistence/db.ts'

/** CPU time of backends, to the nanosecond: one PostgreSQL serves several databases that are compared. */

/** Milliseconds that these processes had so far. */
export function backendCpuMs(pids: readonly number[]): number {
  return pids.reduce((sum, pid) => sum + spentMs(pid), 0)
}

/** Who works for this database at the moment, but for the connection that asks. */
export async function backendsOf(db: Db, database: string): Promise<number[]> {
  const rows = await query<{ pid: number }>(
    db,
    'SELECT pid FROM pg_stat_activity WHERE datname = $1 AND pid <> pg_backend_pid()',
    [database],
  )
  return rows.map(({ pid }) => pid)
}

/** The first number of schedstat is what a thread spent on a processor, nanoseconds. */
function spentMs(pid: number): number {
  try {
    const threads = readdirSync(`/proc/${pid}/task`)
    const spent = threads.map((id) => readFileSync(`/proc/${pid}/task/${id}/schedstat`, 'utf8'))
    return spent.reduce((sum, text) => sum + Number(text.split(' ')[0]), 0) / 1e6
  } catch {
    return 0 // gone
  }
}
