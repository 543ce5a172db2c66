import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { constants } from 'node:fs'
import {
  copyFile,
  type FileHandle,
  open,
  readFile,
  readlink,
  rm,
  stat,
  truncate,
  writeFile,
} from 'node:fs/promises'
import { connect } from 'node:net'
import { basename, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { asUser, run, type SystemUser } from './system_user.ts'

/**
 * One running PostgreSQL server, as a process: found by its pid file, spawned, signalled. What is
 * said to it in SQL is not known here.
 */

export type Postmaster = {
  pid: number
  dataDir: string
  /** Directory of the unix socket. */
  socketDir: string
  port: number
  /** Set where this process spawned it. */
  child: ChildProcess | undefined
}

export const PORT = 5432

const FAST_STOP_MS = 30_000
const IMMEDIATE_STOP_MS = 10_000
const LOG_LIMIT_BYTES = 5 * 1024 * 1024

/** The server that runs on this directory, if any, whoever started it. */
export async function findPostmaster(dataDir: string): Promise<Postmaster | undefined> {
  const { pid, port, socketDir } = await readPidFile(dataDir)
  if (!pid || !(await isPostmaster(pid, dataDir))) return undefined
  return { pid, dataDir, socketDir, port: port || PORT, child: undefined }
}

/**
 * The lines of postmaster.pid: pid, data directory, start time, port, socket directory, TCP address,
 * shared memory, and a status: `starting`, `stopping`, `ready` or `standby`.
 */
async function readPidFile(dataDir: string) {
  const lines = (await readFile(pidFile(dataDir), 'utf8').catch(() => '')).split('\n')
  return {
    pid: Number(lines[0] ?? 0),
    port: Number(lines[3] ?? 0),
    socketDir: lines[4] ?? '',
    status: (lines[7] ?? '').trim(),
  }
}

/** What it says of itself, without a connection that it would refuse and write to its log. */
export async function readStatus({ dataDir, pid }: Postmaster): Promise<string | undefined> {
  const found = await readPidFile(dataDir)
  return found.pid === pid ? found.status : undefined
}

const pidFile = (dataDir: string) => join(dataDir, 'postmaster.pid')

/**
 * A pid alone proves nothing: it may have been given to another process since, which is the rule in
 * containers. A postmaster works in its data directory, and nothing but PostgreSQL runs `postgres`.
 */
async function isPostmaster(pid: number, dataDir: string): Promise<boolean> {
  if (!isAlivePid(pid)) return false
  if (process.platform !== 'linux') {
    const { output } = await run('ps', ['-o', 'command=', '-p', String(pid)])
    return /\bpostgres\b/.test(output) && output.includes(`-D ${dataDir}`)
  }
  try {
    const program = basename(await readlink(`/proc/${pid}/exe`)).replace(/ \(deleted\)$/, '')
    return program === 'postgres' && (await isSame(`/proc/${pid}/cwd`, dataDir))
  } catch (error) {
    // Root in a container may not look at another user's process that closely (CAP_SYS_PTRACE).
    if ((error as NodeJS.ErrnoException).code === 'EACCES') return isCalledPostmaster(pid, dataDir)
    return false // gone meanwhile, or a zombie
  }
}

/** By its owner and command line: only a postmaster keeps that, its children say what they do. */
async function isCalledPostmaster(pid: number, dataDir: string): Promise<boolean> {
  try {
    const words = (await readFile(`/proc/${pid}/cmdline`, 'utf8')).split('\0')
    const directory = words[words.indexOf('-D') + 1] ?? ''
    const [process, wanted] = await Promise.all([stat(`/proc/${pid}`), stat(dataDir)])
    if (basename(words[0]!) !== 'postgres' || process.uid !== wanted.uid) return false
    return await isSame(directory, dataDir)
  } catch {
    return false
  }
}

async function isSame(one: string, other: string): Promise<boolean> {
  const [a, b] = await Promise.all([stat(one), stat(other)])
  return a.ino === b.ino && a.dev === b.dev
}

function isAlivePid(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

export async function isAlive({ child, pid, dataDir }: Postmaster): Promise<boolean> {
  if (child) return child.exitCode === null && child.signalCode === null
  return isPostmaster(pid, dataDir)
}

export type SpawnOptions = {
  binDir: string
  dataDir: string
  socketDir: string
  settings: Record<string, string>
  user: SystemUser | undefined
  log: FileHandle
}

/** @throws the system's error where the program cannot be executed */
export async function spawnPostmaster(options: SpawnOptions): Promise<Postmaster> {
  const { dataDir, socketDir, user, log } = options
  await forgetReusedPid(dataDir)
  await forgetReusedPid(dataDir, join(socketDir, `.s.PGSQL.${PORT}.lock`))
  const settings = Object.entries(options.settings).flatMap(([k, v]) => ['-c', `${k}=${v}`])
  const child = spawn(join(options.binDir, 'postgres'), ['-D', dataDir, ...settings], {
    ...asUser(user),
    // A session of its own: Ctrl-C in our terminal must not end it before we have drained.
    detached: true,
    stdio: ['ignore', log.fd, log.fd],
  })
  await once(child, 'spawn')
  child.unref()
  return { pid: child.pid!, dataDir, socketDir, port: PORT, child }
}

/**
 * PostgreSQL refuses to start where its pid file names a living process, whatever that is. Where it
 * is no postmaster, our own pid is written over it, since PostgreSQL ignores its parent's. The file
 * itself must stay: it also names the shared memory by which PostgreSQL notices that processes of
 * the server before are still at work on this directory.
 */
async function forgetReusedPid(dataDir: string, file = pidFile(dataDir)): Promise<void> {
  const content = await readFile(file, 'utf8').catch(() => '')
  const pid = Number.parseInt(content, 10)
  if (!pid || !isAlivePid(pid) || (await isPostmaster(pid, dataDir))) return
  await writeFile(file, content.replace(/^\d+/, String(process.pid)))
}

/**
 * True where a server answers although its process cannot be seen: it runs on the same directory in
 * another container, whose pids and shared memory are hidden from us and from PostgreSQL.
 */
export async function answersUnseen(dataDir: string): Promise<boolean> {
  const { port, socketDir } = await readPidFile(dataDir)
  if (!socketDir || (await findPostmaster(dataDir))) return false
  const socket = connect(join(socketDir, `.s.PGSQL.${port}`))
  try {
    await once(socket, 'connect')
    return true
  } catch {
    return false
  } finally {
    socket.destroy()
  }
}

/** Ends it with a "fast" shutdown, which ends open sessions, and waits until it is gone. */
export async function stopPostmaster(postmaster: Postmaster): Promise<'fast' | 'immediate'> {
  await signal(postmaster, 'SIGINT')
  if (await goneWithin(postmaster, FAST_STOP_MS)) return 'fast'
  // Nothing committed is lost: the next start replays the write-ahead log.
  await signal(postmaster, 'SIGQUIT')
  if (await goneWithin(postmaster, IMMEDIATE_STOP_MS)) return 'immediate'
  throw new Error(`PostgreSQL (pid ${postmaster.pid}) does not end`)
}

async function signal(postmaster: Postmaster, name: 'SIGINT' | 'SIGQUIT'): Promise<void> {
  if (!(await isAlive(postmaster))) return
  try {
    process.kill(postmaster.pid, name)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}

async function goneWithin(postmaster: Postmaster, limitMs: number): Promise<boolean> {
  const deadline = Date.now() + limitMs
  while (await isAlive(postmaster)) {
    if (Date.now() > deadline) return false
    await sleep(10)
  }
  return true
}

/** Opens the server's log for appending. Only the server's user and root can read it. */
export async function openServerLog(file: string, user: SystemUser | undefined) {
  await limitServerLog(file)
  const { O_WRONLY, O_APPEND, O_CREAT, O_NOFOLLOW } = constants
  const handle = await open(file, O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW, 0o600)
  if (user) await handle.chown(user.uid, user.gid)
  return { handle, sizeBytes: (await handle.stat()).size }
}

/** Moves a log that has grown too large aside, by copying: the server goes on appending to it. */
export async function limitServerLog(file: string): Promise<void> {
  const size = (await stat(file).catch(() => undefined))?.size ?? 0
  if (size <= LOG_LIMIT_BYTES) return
  await rm(`${file}.1`, { force: true })
  await copyFile(file, `${file}.1`, constants.COPYFILE_EXCL)
  await truncate(file)
}

/** The end of what the server has written since it had `fromByte` bytes; at most 4 kB. */
export async function readServerLog(file: string, fromByte: number): Promise<string> {
  const content = await readFile(file).catch(() => Buffer.alloc(0))
  return content.subarray(fromByte).subarray(-4_096).toString('utf8').trim()
}
