import { z } from 'zod'
import type { JobLog } from '../../../src/platform/jobs/open_boss.ts'
import type { Db } from '../../../src/platform/persistence/db.ts'

/** Jobs with no patience, for tests. */
export const TEST_JOBS = {
  greet: {
    payload: z.strictObject({ name: z.string() }),
    retryLimit: 1,
    firstRetryDelayS: 0,
    expireS: 2,
    concurrency: 4,
  },
} as const

/** The shortest that pg-boss accepts. */
export const QUICK = { pollS: 0.5, superviseS: 1 }

export type LoggedLine = { level: 'warn' | 'error'; message: string; fields: object }

export function memoryLog(): JobLog & { lines: LoggedLine[] } {
  const lines: LoggedLine[] = []
  return {
    lines,
    warn: (fields, message) => lines.push({ level: 'warn', message, fields }),
    error: (fields, message) => lines.push({ level: 'error', message, fields }),
  }
}

/** What the connections of this pool are asked from now on. */
export function watchStatements(db: Db): string[] {
  const texts: string[] = []
  const seen = new WeakSet<object>()
  const acquire = db.client.acquireConnection.bind(db.client)
  db.client.acquireConnection = async () => {
    const connection = await acquire()
    if (seen.has(connection)) return connection
    seen.add(connection)
    const send = connection.query.bind(connection)
    connection.query = (...args: [string | { text: string }, ...unknown[]]) => {
      texts.push(typeof args[0] === 'string' ? args[0] : args[0].text)
      return send(...args)
    }
    return connection
  }
  return texts
}
