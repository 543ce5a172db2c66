import { serveEngine } from '../bare/engine.ts'
import { createTable, PostgresAdapter } from './adapter.ts'

/** The engine where everything it keeps is in PostgreSQL, as one would write it first. */

await createTable()
await serveEngine({ adapter: PostgresAdapter })
