import { existsSync, mkdirSync, renameSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { accepts, type Component, startComponent, untilReady } from './component.ts'
import { temporaryFolder } from './leash.ts'
import { type PassportOptions, strategyOptions } from './passport.ts'
import type { Availability } from './skip.ts'

/**
 * Node-RED, whose editor signs people in with a strategy of passport (`adminAuth`). Its 280 packages
 * are no dependency of ours: they are installed when a test first asks for them, and kept.
 */

const VERSION = '5.0.7'
const CACHE = fileURLToPath(new URL('../../node_modules/.cache/authcore', import.meta.url))
const HOME = path.join(CACHE, `node-red-${VERSION}`)
const STRATEGY = fileURLToPath(import.meta.resolve('passport-openidconnect'))
const INSTALL_LIMIT_MS = 150_000

/** Installs it where it is not yet; that takes half a minute and a registry. */
export async function available(): Promise<Availability> {
  try {
    if (!existsSync(HOME)) await install()
    return { ok: true }
  } catch (error) {
    const [cause] = (error as Error).message.split('\n')
    return { ok: false, reason: `node-red ${VERSION} could not be installed: ${cause}` }
  }
}

/** Under another name until it is complete: one that was interrupted must not be taken for the whole. */
async function install(): Promise<void> {
  mkdirSync(CACHE, { recursive: true })
  const folder = temporaryFolder('node-red', CACHE)
  const manifest = { private: true, dependencies: { 'node-red': VERSION } }
  writeFileSync(path.join(folder, 'package.json'), JSON.stringify(manifest))
  await npmInstall(folder)
  try {
    renameSync(folder, HOME)
  } catch (error) {
    if (!existsSync(HOME)) throw error // otherwise another run was faster
  }
}

async function npmInstall(folder: string): Promise<void> {
  const quiet = ['--no-save', '--no-audit', '--no-fund', '--loglevel=error']
  // Without a registry it would try for more than a minute.
  const patience = ['--fetch-retry-mintimeout=1000', '--fetch-retry-maxtimeout=5000']
  const npm = startComponent(
    'npm',
    ['install', '--prefix', folder, '--ignore-scripts', ...quiet, ...patience],
    { logFile: path.join(folder, 'npm.log'), cwd: folder },
  )
  await untilReady(npm, async () => npm.hasEnded(), INSTALL_LIMIT_MS)
  const words = npm.output()
  if (/^added \d+ packages/m.test(words)) return
  throw new Error(/^npm error (?:code )?(.+)$/m.exec(words)?.[1] ?? words)
}

export type NodeRed = { url: string; component: Component; stop(): Promise<void> }

export type NodeRedOptions = Omit<PassportOptions, 'strategy'> & {
  /** The e-mail address of the one person who may use the editor. */
  editor: string
}

export async function startNodeRed(options: NodeRedOptions): Promise<NodeRed> {
  const folder = temporaryFolder('node-red')
  const settings = path.join(folder, 'settings.cjs')
  writeFileSync(settings, settingsOf(options))
  const red = path.join(HOME, 'node_modules/node-red/red.js')
  const component = startComponent(
    process.execPath,
    [red, '--userDir', folder, '--settings', settings],
    { logFile: path.join(folder, 'node-red.log'), cwd: folder, env: { HOME: folder } },
  )
  const isReady = async () =>
    component.output().includes('Started flows') && (await accepts(options.port))
  await untilReady(component, isReady, 60_000)
  return { url: `http://127.0.0.1:${options.port}`, component, stop: () => component.stop() }
}

/** As its documentation has it, with the e-mail address for the name. */
function settingsOf({ editor, ...options }: NodeRedOptions): string {
  return `
module.exports = {
  uiHost: '127.0.0.1',
  uiPort: ${options.port},
  lang: 'en-US',
  telemetry: { enabled: false, updateNotification: false },
  logging: { console: { level: 'info', audit: true } },
  adminAuth: {
    type: 'strategy',
    strategy: {
      name: 'openidconnect',
      label: 'Sign in',
      strategy: require(${JSON.stringify(STRATEGY)}).Strategy,
      options: {
        ...${JSON.stringify(strategyOptions(options))},
        verify: (issuer, profile, done) =>
          done(null, { ...profile, username: profile.emails[0].value }),
      },
    },
    users: async (username) =>
      username === ${JSON.stringify(editor)} ? { username, permissions: '*' } : null,
  },
}
`
}
