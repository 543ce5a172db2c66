import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { withSecrets } from '../../../platform/config/own_secrets.ts'
import type { ConfigBeforeSecrets } from '../../../platform/config/schema.ts'
import { createKeyring } from '../../../platform/keys/keyring.ts'
import { SIGNING_ALGORITHMS, type SigningKeyInfo } from '../../../platform/keys/signing_key.ts'
import {
  listPublishedSigningKeys,
  listSigningKeyInfos,
} from '../../../platform/keys/signing_key_store.ts'
import type { Db } from '../../../platform/persistence/db.ts'
import { bad, type Finding, ok, roughly, warn } from './finding.ts'

/** The signing keys: is there one of each, does it rotate when it should, and can we open it? */

/** Rotation looks once in a while: so much later than planned is still on time. */
const SLACK_S = 3_600

export async function checkKeys(db: Db, config: ConfigBeforeSecrets): Promise<Finding[]> {
  const keys = await listSigningKeyInfos(db)
  if (keys.length === 0) {
    return [warn('signing keys', 'there are none yet', 'The first start of the server makes them.')]
  }
  return [
    ...SIGNING_ALGORITHMS.map((algorithm) =>
      checkAge(
        algorithm,
        keys.find((key) => key.algorithm === algorithm && key.state === 'current'),
        config.security.signingKeyLifetimeS,
      ),
    ),
    await checkReadable(db, config),
  ]
}

function checkAge(
  algorithm: string,
  current: SigningKeyInfo | undefined,
  lifetimeS: number,
): Finding {
  const check = `signing key ${algorithm}`
  if (!current)
    return bad(check, 'none signs', `Run: authcore keys rotate --algorithm ${algorithm}`)
  const ageS = (Date.now() - current.stateSince.getTime()) / 1000
  const message = `signs since ${roughly(Math.max(ageS, 0))}, for ${roughly(lifetimeS)}`
  return ageS > lifetimeS + SLACK_S
    ? warn(check, message, 'It should have been replaced: does a worker run (role all or worker)?')
    : ok(check, message)
}

async function checkReadable(db: Db, config: ConfigBeforeSecrets): Promise<Finding> {
  const check = 'key encryption'
  if (!hasSecrets(config)) {
    return bad(
      check,
      'there are signing keys, but no secrets to open them with',
      'Is AUTHCORE_DATA_DIR the one that the server has? Otherwise restore its secrets.json.',
    )
  }
  try {
    const keys = await listPublishedSigningKeys(db, createKeyring(withSecrets(config).security))
    return ok(check, `all ${keys.length} published keys can be opened`)
  } catch {
    return bad(
      check,
      'a published signing key cannot be opened',
      'AUTHCORE_ENCRYPTION_KEYS must hold the key it was sealed with, after the newer ones.',
    )
  }
}

/** Looking makes none. */
function hasSecrets({ security, storage }: ConfigBeforeSecrets): boolean {
  const { encryptionKeys, hashKey, cookieKeys } = security
  if (encryptionKeys?.length && hashKey && cookieKeys?.length) return true
  return existsSync(join(storage.dataDir, 'secrets.json'))
}
