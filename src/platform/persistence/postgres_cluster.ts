import { chown, lstat, mkdir } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { DomainError } from '../../core/errors.ts'
import { withFileLock } from './file_lock.ts'
import { type Binaries, chooseBinaries, type Machine } from './postgres_binaries.ts'
import {
  initialise,
  inspect,
  type Location,
  locateDataDirectory,
  makeParent,
  refuseForeignOwner,
  settleOwnership,
  shortHash,
} from './postgres_directory.ts'
import { makeReady } from './postgres_session.ts'
import { serverSettings } from './postgres_settings.ts'
import {
  answersUnseen,
  findPostmaster,
  openServerLog,
  PORT,
  type Postmaster,
  readServerLog,
  spawnPostmaster,
  stopPostmaster,
} from './postmaster.ts'
import type { SystemUser } from './system_user.ts'

/**
 * One data directory and the one server that may run on it. `ensureRunning` is the only way to a
 * server, for the first start and after every loss, so that of several processes exactly one starts
 * it and the others adopt it.
 */

export type Log = (message: string, fields?: Record<string, unknown>) => void

export type Cluster = Location & {
  machine: Machine
  database: string
  socketDir: string
  settings: Record<string, string>
  searchPath: string | undefined
  /** The server's own log. */
  logFile: string
  lockFile: string
  log: Log
}

export type Running = {
  origin: 'started' | 'adopted'
  postmaster: Postmaster
  serverVersion: string
}

export type ClusterOptions = {
  dataDir: string
  database: string
  settings: Record<string, string>
  searchPath: string | undefined
  log: Log
}

/** How long what stops a start may still go away by itself, by the kind of outcome. */
const PATIENCE_MS = {
  // Processes of a server that was killed notice when they next look up from their work.
  held: 10_000,
  // Its socket closes at once, but for a process that is just being forked.
  unseen: 2_000,
  failed: 0,
}
const NO_SOCKET_MS = 5_000
/** sun_path holds 104 bytes on macOS and 108 on Linux, with a zero at the end. */
const SOCKET_PATH_LIMIT_BYTES = 103

export async function openCluster(options: ClusterOptions, machine: Machine): Promise<Cluster> {
  const location = await locateDataDirectory(options.dataDir, machine)
  await refuseForeignOwner(location)
  await makeParent(location)
  const { dataDir } = location
  if (location.movedBecause) {
    options.log(`the database is kept in ${dataDir}, because ${location.movedBecause}`, {
      wanted_dir: options.dataDir,
      data_dir: dataDir,
    })
  }
  return {
    ...location,
    ...options,
    dataDir,
    machine,
    socketDir: chooseSocketDir(location),
    logFile: `${dataDir}.log`,
    lockFile: `${dataDir}.lock`,
  }
}

/** The data directory itself, which is private; where its name is too long for a socket, /tmp. */
function chooseSocketDir({ dataDir, user }: Location): string {
  const path = join(dataDir, `.s.PGSQL.${PORT}`)
  if (Buffer.byteLength(path) <= SOCKET_PATH_LIMIT_BYTES) return dataDir
  // Not os.tmpdir(): processes with different TMPDIR must agree on the place.
  return `/tmp/authcore-${user?.uid ?? process.geteuid?.()}-${shortHash(dataDir)}`
}

/**
 * Adopts the server of this directory or starts one, and makes it ready.
 *
 * @param occasion 'again' never makes a new database: one that has vanished is a fault
 * @throws DomainError `unavailable`
 */
export async function ensureRunning(
  cluster: Cluster,
  occasion: 'first' | 'again',
): Promise<Running> {
  const onLongWait = () => cluster.log('waiting for another process that is starting the database')
  return withStartLock(cluster, onLongWait, async () => {
    try {
      return (await adopt(cluster)) ?? (await start(cluster, occasion))
    } catch (error) {
      throw error instanceof DomainError ? error : systemFailure(cluster, error)
    }
  })
}

/** What the operating system denied us: a user to change to, a file to own. */
function systemFailure({ dataDir, user }: Cluster, error: unknown): DomainError {
  const who = user ? `run programs and own files as user id ${user.uid}` : `write beside ${dataDir}`
  return new DomainError(
    'unavailable',
    `The built-in database cannot be used: ${(error as Error).message}.`,
    { hint: `Allow this process to ${who}, or set DATABASE_URL.`, cause: error },
  )
}

async function withStartLock<T>(
  { lockFile, user, dataDir }: Cluster,
  onLongWait: () => void,
  work: () => Promise<T>,
): Promise<T> {
  let entered = false
  try {
    return await withFileLock(lockFile, onLongWait, async () => {
      entered = true
      // The database's user may be a person who starts us next time, without root.
      if (user) await chown(lockFile, user.uid, user.gid)
      return work()
    })
  } catch (error) {
    if (entered) throw error
    throw new DomainError('unavailable', `The lock ${lockFile} cannot be taken.`, {
      hint: `Is ${dirname(dataDir)} on a writable local disk, and is the lock ours? Let this user write there, choose another data directory, or set DATABASE_URL.`,
      cause: error,
    })
  }
}

async function adopt(cluster: Cluster): Promise<Running | undefined> {
  const deadline = Date.now() + NO_SOCKET_MS
  for (;;) {
    const postmaster = await findPostmaster(cluster.dataDir)
    if (!postmaster) return undefined
    const serverVersion = postmaster.socketDir && (await ready(cluster, postmaster))
    if (serverVersion) return { origin: 'adopted', postmaster, serverVersion }
    // One that has just been started by somebody else has not yet written down its socket.
    if (Date.now() > deadline) throw withoutSocket(postmaster)
    await sleep(20)
  }
}

function ready({ database, log }: Cluster, postmaster: Postmaster): Promise<string | undefined> {
  return makeReady(postmaster, database, () =>
    log('the database is not ready yet: it may be recovering from a crash', {
      pid: postmaster.pid,
    }),
  )
}

function withoutSocket({ dataDir, pid }: Postmaster): DomainError {
  return new DomainError(
    'unavailable',
    `A PostgreSQL that listens on no unix socket runs on ${dataDir} (pid ${pid}).`,
    { hint: `Stop it (kill -INT ${pid}) and start again.` },
  )
}

async function start(cluster: Cluster, occasion: 'first' | 'again'): Promise<Running> {
  const binaries = await prepareDirectory(cluster, occasion)
  const startedAt = Date.now()
  for (;;) {
    const outcome = await launch(cluster, binaries)
    if (outcome.kind === 'ready') return outcome.running
    // Somebody who does not know our lock may have been faster.
    const other = await adopt(cluster)
    if (other) return other
    const patienceMs = PATIENCE_MS[outcome.kind]
    if (Date.now() - startedAt >= patienceMs) throw startFailure(cluster, outcome)
    await sleep(100)
  }
}

async function prepareDirectory(cluster: Cluster, occasion: 'first' | 'again'): Promise<Binaries> {
  const { machine, user, searchPath, dataDir } = cluster
  const contents = await inspect(dataDir)
  const major = contents.kind === 'database' ? contents.major : undefined
  if (major === undefined && occasion === 'again') throw vanished(dataDir)
  const binaries = await chooseBinaries(machine, { user, major, searchPath })
  if (major === undefined) await initialise(cluster, binaries)
  await settleOwnership(cluster)
  if (cluster.socketDir !== dataDir) await makePrivateDirectory(cluster.socketDir, user)
  return binaries
}

function vanished(dataDir: string): DomainError {
  return new DomainError('unavailable', `The database in ${dataDir} is gone.`, {
    hint: 'Put the directory back, or start the server anew to begin with an empty database.',
  })
}

/** In /tmp anybody may have made a directory of this name first: only a private one of ours serves. */
async function makePrivateDirectory(path: string, user: SystemUser | undefined): Promise<void> {
  const made = await mkdir(path, { mode: 0o700 }).then(
    () => true,
    () => false,
  )
  if (made && user) await chown(path, user.uid, user.gid)
  const found = await lstat(path)
  const owner = user?.uid ?? process.geteuid?.()
  if (found.isDirectory() && found.uid === owner && (found.mode & 0o077) === 0) return
  throw new DomainError(
    'unavailable',
    `The directory for the database's socket, ${path}, was made by somebody else.`,
    { hint: `Remove ${path}, or choose a data directory with a shorter path.` },
  )
}

type Failure =
  /** Processes of an earlier server still hold the directory. */
  | { kind: 'held'; output: string }
  /** A server whose process is hidden from us answers on its socket. */
  | { kind: 'unseen'; output: string }
  | { kind: 'failed'; output: string }

type Outcome = { kind: 'ready'; running: Running } | Failure

async function launch(cluster: Cluster, binaries: Binaries): Promise<Outcome> {
  if (await answersUnseen(cluster.dataDir)) return { kind: 'unseen', output: UNSEEN }
  const { postmaster, logSizeBytes } = await spawnWithLog(cluster, binaries)
  const serverVersion = await readyOrStopped(cluster, postmaster)
  if (serverVersion) {
    return { kind: 'ready', running: { origin: 'started', postmaster, serverVersion } }
  }
  const signal = postmaster.child?.signalCode
  const said = await readServerLog(cluster.logFile, logSizeBytes)
  const output = signal ? `${said}\nFATAL:  ${signal}` : said
  return { kind: HELD.test(output) ? 'held' : 'failed', output }
}

async function spawnWithLog(cluster: Cluster, { binDir, major }: Binaries) {
  const { dataDir, socketDir, user, logFile } = cluster
  const settings = serverSettings({ major, socketDir, port: PORT, extra: cluster.settings })
  const { handle, sizeBytes } = await openServerLog(logFile, user)
  try {
    const options = { binDir, dataDir, socketDir, settings, user, log: handle }
    return { postmaster: await spawnPostmaster(options), logSizeBytes: sizeBytes }
  } finally {
    await handle.close()
  }
}

const UNSEEN = 'a PostgreSQL that cannot be seen from here answers on its socket'
const FAULT = /FATAL|PANIC|ERROR/
const SAID_TO_OTHERS = /the database system is|terminating connection/
const HELD = /pre-existing shared memory block|lock file "[^"]+" already exists/

async function readyOrStopped(cluster: Cluster, postmaster: Postmaster) {
  try {
    return await ready(cluster, postmaster)
  } catch (error) {
    await stopPostmaster(postmaster)
    throw error
  }
}

function startFailure(cluster: Cluster, { kind, output }: Failure): DomainError {
  const lines = output.split('\n').filter((line) => !SAID_TO_OTHERS.test(line))
  const said = kind === 'unseen' ? output : lines.findLast((line) => FAULT.test(line))
  const reason = said?.replace(/^.*?\b(?=FATAL|PANIC|ERROR)/, '') ?? 'it gave no reason'
  return new DomainError('unavailable', `The database did not start: ${reason}`, {
    hint: startRemedy(cluster, kind, output),
    debug: output,
  })
}

function startRemedy({ dataDir, logFile }: Cluster, kind: Failure['kind'], output: string): string {
  if (kind !== 'failed') {
    return `Another server, perhaps in another container, still works on ${dataDir}. One directory serves one server: stop the other, or give this one a directory of its own.`
  }
  if (/No space left on device|disk quota/i.test(output)) {
    return `Free some space on the disk that holds ${dataDir}, and start again; nothing committed is lost.`
  }
  if (/allocate memory|shared memory|SIGKILL/i.test(output)) {
    return 'Perhaps the machine has too little memory left, or a container limits it: grant more, and start again. Nothing committed is lost.'
  }
  return `The server's own log is ${logFile}. Mend what it names, or set DATABASE_URL to a PostgreSQL of your own.`
}
