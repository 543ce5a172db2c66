import { createHash } from 'node:crypto'
import {
  chmod,
  chown,
  lchown,
  lstat,
  mkdir,
  open,
  readdir,
  readFile,
  realpath,
  rename,
  rm,
  stat,
} from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { DomainError } from '../../core/errors.ts'
import { randomToken } from '../../core/secrets.ts'
import { type Binaries, type Machine, makeTraversable } from './postgres_binaries.ts'
import { findUnprivilegedUser, isRoot, run, type SystemUser } from './system_user.ts'

/**
 * The data directory of the built-in database: where it lies, who owns it, what is in it, and how a
 * new one comes to be.
 */

export type Location = {
  /** Real and absolute. */
  dataDir: string
  /** Who the server runs as; undefined is ourselves. */
  user: SystemUser | undefined
  /** Where it is not the wanted place: why, as the end of a sentence. */
  movedBecause: string | undefined
}

export type Contents = { kind: 'nothing' } | { kind: 'database'; major: number }

/**
 * Decides where the data lies. Root's own server is run by an unprivileged user, who cannot pass
 * through a private home such as /root; then the place is one below `machine.systemDir` that follows
 * from the wanted path alone, so that the next start finds it again, private home or not.
 *
 * @param wanted absolute
 * @throws DomainError `unavailable`
 */
export async function locateDataDirectory(wanted: string, machine: Machine): Promise<Location> {
  const here = await resolveExisting(wanted)
  if (!isRoot()) return { dataDir: here, user: undefined, movedBecause: undefined }
  const user = await chooseUser(here)
  const blockedBy = await findBlockingParent(here, user)
  const elsewhere = join(machine.systemDir, shortHash(here), 'postgres')
  if ((await inspect(here)).kind === 'database') {
    if (blockedBy) throw outOfReach(here, blockedBy)
    return { dataDir: here, user, movedBecause: undefined }
  }
  const started = (await inspect(elsewhere)).kind === 'database'
  if (!blockedBy && !started) return { dataDir: here, user, movedBecause: undefined }
  return {
    dataDir: elsewhere,
    user: await chooseUser(elsewhere),
    movedBecause: blockedBy
      ? `the user the database runs as may not pass through ${blockedBy}`
      : `it was begun there when ${here} was out of the database user's reach`,
  }
}

export function shortHash(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 16)
}

/** Follows symlinks as far as the path exists. */
async function resolveExisting(path: string): Promise<string> {
  try {
    return await realpath(path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw notUsable(path, error)
    return join(await resolveExisting(dirname(path)), basename(path))
  }
}

/** A directory keeps the user it was made with; a new one gets an unprivileged one. */
async function chooseUser(dataDir: string): Promise<SystemUser> {
  const owner = await stat(dataDir).catch(() => undefined)
  if (owner && owner.uid !== 0) return { uid: owner.uid, gid: owner.gid }
  const user = await findUnprivilegedUser()
  if (user) return user
  throw new DomainError(
    'unavailable',
    'PostgreSQL refuses to run as root, and this machine has no user "postgres" or "nobody" to run it as.',
    { hint: 'Start as an ordinary user, create a user "postgres", or set DATABASE_URL.' },
  )
}

async function findBlockingParent(path: string, user: SystemUser): Promise<string | undefined> {
  if (dirname(path) === path) return undefined
  const above = await findBlockingParent(dirname(path), user)
  if (above) return above
  const parent = await stat(dirname(path)).catch(() => undefined)
  if (!parent) return undefined
  const bit = parent.uid === user.uid ? 0o100 : parent.gid === user.gid ? 0o010 : 0o001
  return parent.mode & bit ? undefined : dirname(path)
}

function outOfReach(dataDir: string, blockedBy: string): DomainError {
  return new DomainError(
    'unavailable',
    `There is a database in ${dataDir}, but the user it belongs to may not pass through ${blockedBy}.`,
    { hint: `Allow it with: chmod o+x ${blockedBy}. Nothing was changed.` },
  )
}

/** @throws DomainError where something else than a database is in it, or it cannot be read */
export async function inspect(dataDir: string): Promise<Contents> {
  try {
    const version = await readFile(join(dataDir, 'PG_VERSION'), 'utf8')
    return { kind: 'database', major: Number.parseInt(version, 10) }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw notUsable(dataDir, error)
  }
  const names = await readdir(dataDir).catch((error) => {
    if (error.code === 'ENOENT') return []
    throw notUsable(dataDir, error)
  })
  if (names.length === 0) return { kind: 'nothing' }
  throw new DomainError(
    'unavailable',
    `The data directory ${dataDir} is not empty, and what is in it is not a PostgreSQL database.`,
    { hint: 'Choose another data directory, or move those files away. Nothing was changed.' },
  )
}

/** Makes the directory above the data directory; the log and the lock lie there too. */
export async function makeParent(location: Location): Promise<void> {
  try {
    await makeTraversable(dirname(location.dataDir))
  } catch (error) {
    throw notUsable(dirname(location.dataDir), error)
  }
}

/** @throws DomainError where the directory is somebody else's and we are not root */
export async function refuseForeignOwner({ dataDir, user }: Location): Promise<void> {
  const owner = (await stat(dataDir).catch(() => undefined))?.uid
  const us = process.geteuid?.()
  if (user || owner === undefined || owner === us) return
  throw new DomainError(
    'unavailable',
    `The data directory ${dataDir} belongs to the user with id ${owner}, and this process runs as ${us}.`,
    { hint: `Start as that user or as root; or hand it over with: chown -R ${us} ${dataDir}.` },
  )
}

/** PostgreSQL insists that its directory is its user's own and closed to others. */
export async function settleOwnership({ dataDir, user }: Location): Promise<void> {
  const now = await stat(dataDir)
  if (user && now.uid === 0) await chownTree(dataDir, user)
  if (now.mode & 0o077) await chmod(dataDir, 0o700)
}

async function chownTree(path: string, user: SystemUser): Promise<void> {
  if ((await lstat(path)).isDirectory()) {
    for (const name of await readdir(path)) await chownTree(join(path, name), user)
  }
  await lchown(path, user.uid, user.gid)
}

/**
 * Makes a new database. It grows under another name and gets its own in one step, so that a death
 * half-way leaves nothing that looks like a database. The caller holds the start lock.
 */
export async function initialise({ dataDir, user }: Location, binaries: Binaries): Promise<void> {
  const parent = dirname(dataDir)
  const prefix = `.${basename(dataDir)}.new-`
  await refuseMountPoint(dataDir)
  await removeLeftovers(parent, prefix)
  const making = join(parent, prefix + randomToken(6))
  try {
    await mkdir(making, { mode: 0o700 })
    if (user) await chown(making, user.uid, user.gid)
    await runInitdb(making, user, binaries)
    await rename(making, dataDir)
    await syncDirectory(parent)
  } catch (error) {
    await rm(making, { recursive: true, force: true })
    throw error instanceof DomainError ? error : notUsable(dataDir, error)
  }
}

/** Said before the work is done: a mount point cannot be replaced by the finished database. */
async function refuseMountPoint(dataDir: string): Promise<void> {
  const found = await stat(dataDir).catch(() => undefined)
  if (!found || found.dev === (await stat(dirname(dataDir))).dev) return
  const error = new Error(`${dataDir} is another disk than the directory above it`)
  throw notUsable(dataDir, Object.assign(error, { code: 'EXDEV' }))
}

async function removeLeftovers(parent: string, prefix: string): Promise<void> {
  // An initdb whose starter was killed may still be writing for a moment.
  const insistent = { recursive: true, force: true, maxRetries: 5, retryDelay: 200 }
  for (const name of await readdir(parent)) {
    if (name.startsWith(prefix)) await rm(join(parent, name), insistent).catch(() => {})
  }
}

/** Without this a power cut could take the new name back, and with it all that was stored since. */
async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path)
  try {
    await directory.sync()
  } finally {
    await directory.close()
  }
}

/**
 * Everybody who can open the socket is let in without a password ("trust"): the socket lies in a
 * directory only the database's user and root may enter, and those two can read the data files
 * anyway. "peer" would add nothing but refuse root, who serves through another user's database.
 */
const INITDB = [
  ...['--username=postgres', '--auth-local=trust', '--auth-host=reject'],
  ...['--encoding=UTF8', '--data-checksums'],
]

/** Since 17 PostgreSQL carries C.UTF-8 itself; otherwise the system has it, or C must do. */
function localeChoices(major: number): string[][] {
  const builtin =
    major >= 17 ? ['--locale-provider=builtin', '--builtin-locale=C.UTF-8'] : ([] as string[])
  return [
    ['--locale=C.UTF-8', ...builtin],
    ['--locale=C', ...builtin],
  ]
}

async function runInitdb(
  target: string,
  user: SystemUser | undefined,
  { binDir, major }: Binaries,
): Promise<void> {
  let output = ''
  for (const locale of localeChoices(major)) {
    const args = ['-D', target, ...INITDB, ...locale]
    const result = await run(join(binDir, 'initdb'), args, user)
    if (result.kind === 'ran' && result.exitCode === 0) return
    output = result.output.trim()
    if (!/invalid locale name/.test(output)) break
  }
  throw initdbFailure(target, user?.uid ?? process.geteuid?.(), output)
}

function initdbFailure(target: string, uid: number | undefined, output: string): DomainError {
  const reason = output.split('\n').find((line) => /error|fatal|could not/i.test(line)) ?? output
  return new DomainError('unavailable', `The database could not be created: ${reason}`, {
    hint: initdbRemedy(dirname(target), uid, output),
    debug: output.slice(-4_000),
  })
}

function initdbRemedy(parent: string, uid: number | undefined, output: string): string {
  if (/could not look up effective user ID|user does not exist/.test(output)) {
    return `PostgreSQL needs a name for the user it runs as: user id ${uid} has no entry in /etc/passwd. Start as a user that has one, add an entry, or set DATABASE_URL.`
  }
  if (/No space left on device|disk quota/i.test(output)) {
    return `Free about 100 MB on the disk that holds ${parent}, and start again.`
  }
  return `PostgreSQL's initdb said more; it is in the log. Or set DATABASE_URL to a PostgreSQL of your own.`
}

/** @param error of a file operation on the directory or beside it */
function notUsable(path: string, error: unknown): DomainError {
  const { code, message } = error as NodeJS.ErrnoException
  const user = process.geteuid?.()
  return new DomainError('unavailable', `The data directory cannot be used: ${message}.`, {
    hint: notUsableRemedy(code, path, user),
    cause: error,
  })
}

function notUsableRemedy(code: string | undefined, path: string, user: number | undefined): string {
  switch (code) {
    case 'EBUSY':
    case 'EXDEV':
      return `${path} is a mount point: mount the directory above it instead, or choose a data directory inside it.`
    case 'ENOTDIR':
    case 'EEXIST':
      return `Something that is not a directory is in the way of ${path}: move it, or choose another data directory.`
    case 'ENOSPC':
      return 'Free some disk space, and start again.'
    default:
      return `Let user id ${user} write there (chown or chmod), choose another data directory, or set DATABASE_URL.`
  }
}
