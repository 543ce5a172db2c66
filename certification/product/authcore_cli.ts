import { execFile } from 'node:child_process'
import path from 'node:path'
import { promisify } from 'node:util'

/** The product's own command line, as an operator calls it. */

export const ROOT = path.resolve(import.meta.dirname, '../..')
export const AUTHCORE = path.join(ROOT, 'bin/authcore.mjs')

export type AuthcoreCli = <T>(...args: string[]) => Promise<T>

export class CliError extends Error {
  readonly code: string

  constructor(code: string, message: string) {
    super(message)
    this.name = 'CliError'
    this.code = code
  }
}

/** @param env what tells the command which deployment it works on */
export function authcoreCli(env: NodeJS.ProcessEnv): AuthcoreCli {
  return async <T>(...args: string[]) => {
    const call = [AUTHCORE, ...args, '--json']
    try {
      const { stdout } = await promisify(execFile)(process.execPath, call, { env, cwd: ROOT })
      return JSON.parse(stdout) as T
    } catch (error) {
      throw cliError(args.slice(0, 2).join(' '), error)
    }
  }
}

function cliError(command: string, error: unknown): unknown {
  const { stderr } = error as { stderr?: string }
  if (typeof stderr !== 'string') return error
  try {
    const { error: told } = JSON.parse(stderr) as {
      error: { code: string; message: string; hint?: string }
    }
    const words = [told.message, told.hint].filter(Boolean).join(' ')
    return new CliError(told.code, `authcore ${command}: ${words}`)
  } catch {
    return new CliError('internal', `authcore ${command}: ${stderr.trim() || 'failed'}`)
  }
}
