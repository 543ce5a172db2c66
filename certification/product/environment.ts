import { randomBytes } from 'node:crypto'
import { existsSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { settingTable } from '../../src/platform/config/setting_table.ts'

/** The settings of a server that is started to be certified: a production one, by its own words. */

export type Deployment = {
  issuer: string
  port: number
  /** Where its secrets and, without DATABASE_URL, its database are. */
  folder: string
  /** Of the suite: the one stranger on a private address that may be called. */
  suiteHost: string
  suiteCaFile: string | undefined
  settings: Readonly<Record<string, string>>
}

const OURS = /^(AUTHCORE_|DEMO_|ISSUER$|PORT$|NODE_ENV$|NODE_OPTIONS$)/

export function environmentOf(deployment: Deployment): NodeJS.ProcessEnv {
  const { issuer, port, folder, suiteHost, suiteCaFile, settings } = deployment
  const kept = Object.entries(process.env).filter(([name]) => !OURS.test(name))
  return {
    ...Object.fromEntries(kept),
    NODE_ENV: 'production',
    ISSUER: issuer,
    PORT: String(port),
    AUTHCORE_HOST: '127.0.0.1',
    AUTHCORE_TRUSTED_PROXIES: '127.0.0.1/32',
    AUTHCORE_DATA_DIR: folder,
    ...(process.env['DATABASE_URL'] ? {} : { AUTHCORE_EMBEDDED_DATABASE: 'true' }),
    AUTHCORE_ENCRYPTION_KEYS_FILE: secret(folder, 'encryption_keys', 'k1:'),
    AUTHCORE_HASH_KEY_FILE: secret(folder, 'hash_key'),
    AUTHCORE_COOKIE_KEYS_FILE: secret(folder, 'cookie_keys'),
    AUTHCORE_OUTBOUND_ALLOW: suiteHost,
    ...(suiteCaFile === undefined ? {} : { AUTHCORE_OUTBOUND_CA_FILE: suiteCaFile }),
    ...Object.fromEntries(Object.entries(settings).filter(([name]) => KNOWN.has(name))),
  }
}

const KNOWN = new Set(settingTable.map(({ env }) => env))

/** Switches that this version does not have: it would refuse to start with them. */
export function unknownSettings(settings: Readonly<Record<string, string>>): string[] {
  return Object.keys(settings).filter((name) => !KNOWN.has(name))
}

/** Made once, so that what was seeded stays readable in the next run. */
function secret(folder: string, name: string, prefix = ''): string {
  const file = path.join(folder, name)
  if (!existsSync(file)) {
    writeFileSync(file, `${prefix}${randomBytes(32).toString('base64')}\n`, { mode: 0o600 })
  }
  return file
}
