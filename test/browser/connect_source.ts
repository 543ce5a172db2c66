import { readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { expect } from 'chai'
import { parse, stringify } from 'yaml'
import type { EnvironmentVariables } from '../../src/platform/config/load_config.ts'
import { runCli } from '../main/cli/run_cli.ts'
import type { AuthCore } from '../support/authcore.ts'
import { temporaryFolder } from '../support/leash.ts'

/**
 * A connection as a reader of docs/federation makes it: an example of the page with the addresses put
 * in, and the command line beside the server that runs.
 */
export async function connectSource(
  server: AuthCore,
  example: string,
  change: { settings: Record<string, unknown>; [member: string]: unknown },
  { command = 'create', env = {} }: { command?: string; env?: EnvironmentVariables } = {},
): Promise<void> {
  const url = new URL(`../../docs/examples/federation/${example}`, import.meta.url)
  const content = parse(readFileSync(url, 'utf8'))
  const file = path.join(temporaryFolder('connection'), example)
  const settings = { ...content.settings, ...change.settings }
  writeFileSync(file, stringify({ ...content, ...change, settings }))
  const run = await runCli(['connection', command, file], { env: { ...server.env, ...env } })
  expect(run.code, run.stderr).to.equal(0)
}

/** A running server hears of a change a moment later. */
export async function until(done: () => Promise<boolean>): Promise<void> {
  for (const end = Date.now() + 10_000; Date.now() < end; ) {
    if (await done()) return
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  throw new Error('it did not come to that')
}
