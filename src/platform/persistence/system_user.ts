import { type ExecFileOptions, execFile } from 'node:child_process'

/** A user of the machine, by number; `undefined` in its place means the user we already are. */
export type SystemUser = { uid: number; gid: number }

export type RunResult =
  | { kind: 'ran'; exitCode: number; output: string }
  /** The program could not be executed at all; `code` is the system's, such as ENOENT. */
  | { kind: 'not_run'; code: string; output: string }

/** Nothing of our own environment reaches the database: it holds secrets and PG* variables. */
const CHILD_ENV = { PATH: '/usr/local/bin:/usr/bin:/bin', LC_ALL: 'C' }

/** Where PostgreSQL packages and systems keep somebody without privileges, in order of preference. */
const UNPRIVILEGED_NAMES = ['postgres', '_postgres', 'nobody']

/** Options for `spawn` and friends: the given user, a bare environment, a directory all can enter. */
export function asUser(user: SystemUser | undefined) {
  return { env: CHILD_ENV, cwd: '/', ...(user && { uid: user.uid, gid: user.gid }) }
}

export function isRoot(): boolean {
  return process.geteuid?.() === 0
}

/** Runs a program to its end; never throws. `output` is stdout and stderr in that order. */
export function run(file: string, args: string[], user?: SystemUser): Promise<RunResult> {
  const options: ExecFileOptions = { ...asUser(user), maxBuffer: 16 * 1024 * 1024 }
  return new Promise((resolve) => {
    try {
      execFile(file, args, options, (error, stdout, stderr) => {
        const output = `${stdout}${stderr}`
        if (typeof error?.code === 'string') resolve({ kind: 'not_run', code: error.code, output })
        else resolve({ kind: 'ran', exitCode: error ? Number(error.code ?? 1) : 0, output })
      })
    } catch (error) {
      // Node throws at once where the child may not change its user (EPERM).
      const code = (error as NodeJS.ErrnoException).code ?? 'EUNKNOWN'
      resolve({ kind: 'not_run', code, output: String(error) })
    }
  })
}

/** For root, whom PostgreSQL refuses: the first of the usual unprivileged users that exists here. */
export async function findUnprivilegedUser(): Promise<SystemUser | undefined> {
  for (const name of UNPRIVILEGED_NAMES) {
    const uid = await askId('-u', name)
    const gid = await askId('-g', name)
    if (uid !== undefined && gid !== undefined) return { uid, gid }
  }
  return undefined
}

/** Through `id`, which also knows the users of LDAP, NIS and macOS. */
async function askId(flag: '-u' | '-g', name: string): Promise<number | undefined> {
  const result = await run('id', [flag, name])
  const id = Number.parseInt(result.output, 10)
  return result.kind === 'ran' && result.exitCode === 0 && id > 0 ? id : undefined
}
