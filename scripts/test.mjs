/** `npm test`: installs where needed, then hands over to the runner, which is TypeScript. */
import path from 'node:path'
import { ensureInstall, ROOT } from './ensure_install.mjs'
import { runFile } from './pinned_node.mjs'

await ensureInstall()
await runFile(path.join(ROOT, 'test/support/runner/main.ts'), process.argv.slice(2))
