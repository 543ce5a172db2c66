import {
  type EmbeddedPostgresOptions,
  startEmbeddedPostgres,
} from '../../../src/platform/persistence/embedded_postgres.ts'
import { thisMachine } from '../../../src/platform/persistence/postgres_binaries.ts'
import type { Orders, Report } from './embedded_postgres_support.ts'

/**
 * A process of its own that uses the built-in database, for tests that kill one, race two, or need
 * another user. Its one argument is `Orders` as JSON; it prints `Report`s, one a line.
 */

const orders = JSON.parse(process.argv[2] ?? '{}') as Orders
const report = (line: Report) => process.stdout.write(`${JSON.stringify(line)}\n`)
const options: EmbeddedPostgresOptions = {
  ...orders.options,
  log: (message, fields) => report({ kind: 'log', message, ...(fields && { fields }) }),
}

try {
  const database = await startEmbeddedPostgres(options, { ...thisMachine(), ...orders.machine })
  const { origin, dataDir, serverVersion, connection } = database
  // Before anybody is told that it is ready, who may interrupt it at once.
  if (orders.afterwards === 'stop_when_told') {
    process.on('SIGINT', () => report({ kind: 'log', message: 'interrupted' }))
    process.stdin.once('data', () => database.stop().then(() => process.exit()))
  }
  report({ kind: 'ready', origin, dataDir, serverVersion, connection })
  if (orders.afterwards === 'stop') await database.stop()
} catch (error) {
  const { message, hint, debug } = error as { message: string; hint?: string; debug?: string }
  report({ kind: 'failed', message, ...(hint && { hint }), ...(debug && { debug }) })
}
