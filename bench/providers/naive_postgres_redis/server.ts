import { serveEngine } from '../bare/engine.ts'
import { createTable, PostgresAdapter } from '../naive_postgres/adapter.ts'
import { RedisAdapter } from './adapter.ts'

/** The engine with what outlives a day in PostgreSQL and everything else in Redis. */

const LASTING = new Set(['Grant', 'RefreshToken', 'Session'])

await createTable()
await serveEngine({
  adapter: (model) => (LASTING.has(model) ? new PostgresAdapter(model) : new RedisAdapter(model)),
})
