import { randomBytes } from 'node:crypto'
import {
  chmodSync,
  existsSync,
  linkSync,
  mkdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { ConfigError } from './config_error.ts'
import type { Config, ConfigBeforeSecrets } from './schema.ts'
import { key256, namedKey } from './values.ts'

/**
 * The secrets that a start outside production makes for itself, once, in `<dataDir>/secrets.json`
 * with mode 0600. What the configuration sets wins over the file.
 */

const storedSecrets = z.strictObject({
  encryptionKeys: z.array(namedKey).min(1),
  hashKey: key256,
  cookieKeys: z.array(key256).min(1),
})

/**
 * The configuration with every secret in place.
 *
 * @throws ConfigError where the file of secrets is damaged: guessing new ones would lose all data
 */
export function withSecrets(config: ConfigBeforeSecrets): Config {
  const { encryptionKeys, hashKey, cookieKeys } = config.security
  if (encryptionKeys?.length && hashKey && cookieKeys?.length) {
    return { ...config, security: { ...config.security, encryptionKeys, hashKey, cookieKeys } }
  }
  const own = readOrMake(config.storage.dataDir)
  return {
    ...config,
    security: {
      ...config.security,
      encryptionKeys: encryptionKeys?.length ? encryptionKeys : own.encryptionKeys,
      hashKey: hashKey ?? own.hashKey,
      cookieKeys: cookieKeys?.length ? cookieKeys : own.cookieKeys,
    },
  }
}

function readOrMake(dataDir: string): z.output<typeof storedSecrets> {
  const path = join(dataDir, 'secrets.json')
  if (!existsSync(path)) make(dataDir, path)
  try {
    return storedSecrets.parse(JSON.parse(readFileSync(path, 'utf8')))
  } catch {
    throw new ConfigError([
      {
        key: path,
        problem: 'does not hold the secrets it should',
        remedy:
          'Restore it from a backup. Without it nothing sealed in the database can be read; to begin anew, remove the whole data directory.',
      },
    ])
  }
}

function make(dataDir: string, path: string): void {
  mkdirSync(dataDir, { recursive: true })
  const key = () => randomBytes(32).toString('base64')
  const content = { encryptionKeys: [`k1:${key()}`], hashKey: key(), cookieKeys: [key()] }
  // Written aside and linked into place: a crash leaves no half file, and of two starts at once the
  // second finds the name taken and reads the secrets of the first.
  const draft = `${path}.${process.pid}`
  writeFileSync(draft, `${JSON.stringify(content, null, 2)}\n`, { mode: 0o600 })
  chmodSync(draft, 0o600)
  try {
    linkSync(draft, path)
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'EEXIST') throw cause
  } finally {
    rmSync(draft)
  }
}
