import { accessSync, constants, type Stats, statSync } from 'node:fs'
import { join, resolve } from 'node:path'
import type { ConfigBeforeSecrets } from '../../../platform/config/schema.ts'
import { bad, type Finding, ok, warn } from './finding.ts'

/** The data directory, and the secrets in it that nobody else may read. */

const OTHERS_WRITE = 0o022
const OTHERS_ANYTHING = 0o077

export function checkFiles(config: ConfigBeforeSecrets): Finding[] {
  const dataDir = resolve(config.storage.dataDir)
  const directory = find(dataDir)
  if (!directory) return [absent(dataDir, isNeeded(config))]
  return [
    checkDirectory(dataDir, directory, isNeeded(config)),
    ...['secrets.json', 'demo.json'].flatMap((name) => checkSecrets(join(dataDir, name))),
  ]
}

/** Where the database and every secret are configured, nothing is kept there. */
function isNeeded({ storage, security }: ConfigBeforeSecrets): boolean {
  const { encryptionKeys, hashKey, cookieKeys } = security
  return !(storage.databaseUrl && encryptionKeys?.length && hashKey && cookieKeys?.length)
}

function absent(path: string, needed: boolean): Finding {
  return needed
    ? warn(
        'data directory',
        `${path} does not exist`,
        'The first start makes it. Is AUTHCORE_DATA_DIR the one that the server has?',
      )
    : ok('data directory', 'not needed: database and secrets are configured')
}

function checkDirectory(path: string, stats: Stats, needed: boolean): Finding {
  const check = 'data directory'
  if (!stats.isDirectory()) {
    return bad(check, `${path} is not a directory`, 'Set AUTHCORE_DATA_DIR to a directory.')
  }
  if (needed && !mayWrite(path)) {
    return bad(check, `${path} may not be written by this user`, 'Run as the user of the server.')
  }
  return stats.mode & OTHERS_WRITE
    ? bad(check, `${path} may be written by others (${modeOf(stats)})`, `chmod go-w ${path}`)
    : ok(check, `${path} (${modeOf(stats)})`)
}

function checkSecrets(path: string): Finding[] {
  const stats = find(path)
  if (!stats) return []
  return stats.mode & OTHERS_ANYTHING
    ? [bad('secrets', `${path} may be read by others (${modeOf(stats)})`, `chmod 600 ${path}`)]
    : [ok('secrets', `${path} (${modeOf(stats)})`)]
}

function find(path: string): Stats | undefined {
  return statSync(path, { throwIfNoEntry: false })
}

function mayWrite(path: string): boolean {
  try {
    accessSync(path, constants.W_OK | constants.X_OK)
    return true
  } catch {
    return false
  }
}

function modeOf({ mode }: Stats): string {
  return (mode & 0o777).toString(8).padStart(4, '0')
}
