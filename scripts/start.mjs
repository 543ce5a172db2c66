/** `npm start` and, with `--watch`, `npm run dev`: installs where needed, then serves. */
import { existsSync } from 'node:fs'
import path from 'node:path'
import { ensureInstall, ROOT } from './ensure_install.mjs'
import { runServer } from './pinned_node.mjs'

const args = process.argv.slice(2)

await ensureInstall({ toServe: true })
const watched = ['src', 'views'].map((folder) => path.join(ROOT, folder)).filter(existsSync)
const watch = ['--watch', '--watch-preserve-output', ...watched.map((f) => `--watch-path=${f}`)]
await runServer([
  ...(args.includes('--watch') ? watch : []),
  path.join(ROOT, 'src/main/cli/authcore.ts'),
  'serve',
  ...args.filter((arg) => arg !== '--watch'),
])
