import type { Config } from '../../platform/config/schema.ts'
import { createLogger, type Logger } from '../../platform/observability/logger.ts'
import type { DbConnection } from '../../platform/persistence/db.ts'
import { endInOrder, stoppingMs } from '../process_lifetime.ts'
import { releaseMemoryWhenQuiet } from '../release_memory.ts'
import { Members } from './members.ts'

/**
 * The process above several server processes. It answers no request: it holds the listening
 * socket from which its members accept, starts them again, and is the owner of the embedded database,
 * so that there is one.
 */
export async function superviseMembers(config: Config): Promise<void> {
  const log = createLogger(config.server).child({ process: 'supervisor', process_pid: process.pid })
  const running = new AsyncDisposableStack()
  const stop = () => running.disposeAsync()
  // Members have their own time to stop, and a moment more to be waited for.
  endInOrder(log, stop, { deadlineMs: stoppingMs(config.server) + 5_000 })
  try {
    const database = await lookAfterDatabase(config, { log, running })
    const members = new Members({ log, database, size: config.server.workers })
    running.defer(() => members.stop())
    const outcome = await members.start()
    if (outcome === 'serving') releaseMemoryWhenQuiet()
    if (outcome !== 'failed') return
  } catch (error) {
    await stop()
    throw error
  }
  // The first member has said what is wrong, and no other would fare better.
  await stop()
  process.exit(1)
}

async function lookAfterDatabase(
  config: Config,
  { log, running }: { log: Logger; running: AsyncDisposableStack },
): Promise<DbConnection | undefined> {
  if (config.storage.databaseUrl !== undefined) return undefined
  const { openStorage } = await import('../storage.ts')
  const storage = await openStorage(config, {
    stopAdopted: true,
    log: (message, fields) => log.info(fields ?? {}, message),
  })
  running.defer(() => storage.close())
  await (await import('../../platform/persistence/migrate.ts')).migrateUp(storage.db)
  return storage.connection
}
