/** `npm run check`: installs where needed, then hands over to the checks, which are TypeScript. */
import path from 'node:path'
import { ensureInstall, ROOT } from './ensure_install.mjs'
import { runFile } from './pinned_node.mjs'

await ensureInstall()
await runFile(path.join(ROOT, 'scripts/checks.ts'), process.argv.slice(2))
