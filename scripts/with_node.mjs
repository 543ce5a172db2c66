/** `node scripts/with_node.mjs FILE [args]`: runs a file of this repository with the pinned Node 24. */
import { ensureInstall } from './ensure_install.mjs'
import { runFile } from './pinned_node.mjs'

const [file, ...args] = process.argv.slice(2)
if (!file) throw new Error('usage: node scripts/with_node.mjs FILE [arguments]')
await ensureInstall()
await runFile(file, args)
