#!/usr/bin/env node
/**
 * The command `authcore`. Node ≥ 24 runs the TypeScript as it stands, as in the container image,
 * which has the production dependencies only; an older Node hands over to the pinned one.
 */
import { existsSync } from 'node:fs'
import path from 'node:path'
import { PINNED_NODE, ROOT, RUNS_TYPESCRIPT } from '../scripts/ensure_install.mjs'
import { becomeServer, runChild, runServer, useCompileCache } from '../scripts/pinned_node.mjs'

const cli = path.join(ROOT, 'src/main/cli/authcore.ts')
const args = process.argv.slice(2)
const serves = args.includes('serve')

if (RUNS_TYPESCRIPT) {
  if (serves) becomeServer()
  useCompileCache()
  await import(cli)
} else if (existsSync(PINNED_NODE)) {
  await (serves ? runServer : runChild)([cli, ...args])
} else {
  console.error(
    `authcore needs Node 24 or later and this is ${process.version}. Either run it with Node 24, ` +
      `or run "npm ci --include=dev" in ${ROOT}, which brings one.`,
  )
  process.exitCode = 1
}
