import { spawn } from 'node:child_process'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import type { EnvironmentVariables } from '../../../src/platform/config/load_config.ts'
import { temporaryFolder } from '../../support/leash.ts'
import { type TestDatabase, testDatabase } from '../../support/postgres.ts'

/** The real command line as a child process, with a database and a data directory of its own. */

const CLI = fileURLToPath(new URL('../../../src/main/cli/authcore.ts', import.meta.url))

export type Run = {
  code: number | null
  /** Where it did not end by itself. */
  signal: NodeJS.Signals | null
  stdout: string
  stderr: string
  /** The answer on stdout, or on failure the error on stderr. */
  // biome-ignore lint/suspicious/noExplicitAny: tests look into it member by member
  json(): any
}

export type RunOptions = {
  input?: string
  env?: EnvironmentVariables
  /** Of another copy of the program. */
  cli?: string | undefined
}

export function runCli(
  args: readonly string[],
  { input = '', env = {}, cli = CLI }: RunOptions = {},
): Promise<Run> {
  // Nothing of the test's own environment: a setting in it would be one of the command.
  const { PATH, HOME, TMPDIR, NODE_COMPILE_CACHE } = process.env
  const child = spawn(process.execPath, [cli, ...args], {
    env: { PATH, HOME, TMPDIR, NODE_COMPILE_CACHE, ...env },
  })
  child.stdin.on('error', () => {}) // it may end before it has read
  child.stdin.end(input)
  let stdout = ''
  let stderr = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text
  })
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text
  })
  return new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (code, signal) => {
      resolve({ code, signal, stdout, stderr, json: () => JSON.parse(stdout || stderr) })
    })
  })
}

export type Deployment = {
  database: TestDatabase
  dataDir: string
  env: EnvironmentVariables
  run(args: string, options?: RunOptions): Promise<Run>
  close(): Promise<void>
}

/** @param options of `testDatabase` */
export async function deployment(options?: { migrated?: boolean }): Promise<Deployment> {
  const database = await testDatabase(options)
  const dataDir = path.join(temporaryFolder('cli'), 'data')
  const env = { NODE_ENV: 'test', DATABASE_URL: database.url, AUTHCORE_DATA_DIR: dataDir }
  return {
    database,
    dataDir,
    env,
    run: (args, options) => runCli(wordsOf(args), { ...options, env: { ...env, ...options?.env } }),
    close: () => database.drop(),
  }
}

/** As a shell would split it: at spaces, but not between double quotes. */
export function wordsOf(line: string): string[] {
  return [...line.matchAll(/(?:"[^"]*"|[^\s"])+/g)].map(([word]) => word.replaceAll('"', ''))
}
