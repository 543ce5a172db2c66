import { open } from 'node:fs/promises'
import { DatabaseSync } from 'node:sqlite'
import { setTimeout as sleep } from 'node:timers/promises'

const SQLITE_BUSY = 5
const RETRY_MS = 20
const NOTICE_AFTER_MS = 5_000

/**
 * Runs `work` while this process alone holds `file`, waiting for its turn without limit.
 *
 * The lock is a kernel lock, so it goes with its holder, even one killed with -9. Node reaches such
 * locks only through node:sqlite: the file is an empty database that nothing is ever written to.
 *
 * @param file absolute; created when missing and left behind, because removing a lock file races
 * @param onLongWait called once when somebody else has held the lock for five seconds
 */
export async function withFileLock<T>(
  file: string,
  onLongWait: () => void,
  work: () => Promise<T>,
): Promise<T> {
  await makePrivateFile(file)
  const lock = new DatabaseSync(file, { timeout: 0 })
  try {
    const notice = setTimeout(onLongWait, NOTICE_AFTER_MS).unref()
    while (!tryLock(lock)) await sleep(RETRY_MS)
    clearTimeout(notice)
    return await work()
  } finally {
    lock.close()
  }
}

/** Whoever can read the file can hold it against us. */
async function makePrivateFile(file: string): Promise<void> {
  // Only a new file is opened here: closing it would undo a lock that this process holds on it.
  const handle = await open(file, 'wx', 0o600).catch((error) => {
    if (error.code !== 'EEXIST') throw error
  })
  await handle?.close()
}

function tryLock(lock: DatabaseSync): boolean {
  try {
    // No journal, so that no second file appears beside the lock.
    lock.exec('PRAGMA journal_mode = OFF; BEGIN EXCLUSIVE')
    return true
  } catch (error) {
    if ((error as { errcode?: number }).errcode === SQLITE_BUSY) return false
    throw error
  }
}
