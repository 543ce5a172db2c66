/** `npm start` and, with `--watch`, `npm run dev`: installs where needed, then serves. */
import { existsSync } from 'node:fs'
import path from 'node:path'
import { ensureInstall, ROOT } from './ensure_install.mjs'
import { runChild, runFile } from './pinned_node.mjs'

const args = process.argv.slice(2)
const cli = path.join(ROOT, 'src/main/cli/authcore.ts')

await ensureInstall()
if (args.includes('--watch')) {
  const watched = ['src', 'views'].map((folder) => path.join(ROOT, folder)).filter(existsSync)
  const options = ['--watch', '--watch-preserve-output', ...watched.map((f) => `--watch-path=${f}`)]
  await runChild([...options, cli, 'serve', ...args.filter((arg) => arg !== '--watch')])
} else {
  await runFile(cli, ['serve', ...args])
}
