import { availableParallelism } from 'node:os'
import { chooseArgon2Engine } from '../domain/credentials/password/argon2/argon2_engine.ts'
import {
  type BreachServiceDeps,
  createBreachService,
} from '../domain/credentials/password/breach_service.ts'
import {
  createPasswordHasher,
  type TimedPasswordHasher,
} from '../domain/credentials/password/password_hash.ts'
import {
  createPasswordPolicy,
  type PasswordPolicy,
} from '../domain/credentials/password/password_policy.ts'
import { listForeignHashes } from '../domain/credentials/password/password_store.ts'
import type { ConfigBeforeSecrets } from '../platform/config/schema.ts'
import type { Db } from '../platform/persistence/db.ts'

/** Hasher and policy as the configuration wants them, for servers and commands alike. */

export type HasherOptions = {
  /** That hash on this machine: together they leave one core free. */
  processes?: number
  log?: { debug(fields: object, message: string): void }
}

export function createHasher(
  { security }: Pick<ConfigBeforeSecrets, 'security'>,
  { processes = 1, log }: HasherOptions = {},
): TimedPasswordHasher {
  const argon2 = chooseArgon2Engine()
  log?.debug({ engine: argon2.name }, 'chosen to hash passwords')
  return createPasswordHasher({
    argon2,
    memoryKib: security.argon2MemoryKib,
    passes: security.argon2Passes,
    parallelism: security.argon2Parallelism,
    ...(processes > 1 ? { concurrency: shareOfCores(processes) } : {}),
  })
}

function shareOfCores(processes: number): number {
  return Math.max(1, Math.floor((availableParallelism() - 1) / processes))
}

export function createPolicy(
  { passwords }: Pick<ConfigBeforeSecrets, 'passwords'>,
  deps: Omit<BreachServiceDeps, 'url'>,
): PasswordPolicy {
  const { minLength, breachService: url } = passwords
  const breaches = url === undefined ? undefined : createBreachService({ ...deps, url })
  return createPasswordPolicy({ minLength, breaches })
}

const KINDS_MAX = 16

/**
 * Times the hashes of other systems that wait for their owners, so that already the first refusal
 * takes as long for nobody. The start waits for neither finding nor computing them.
 */
export function meetForeignHashes(parts: {
  db: Db
  passwords: TimedPasswordHasher
  log: { warn(fields: object, message: string): void }
}): void {
  listForeignHashes(parts.db, KINDS_MAX)
    .then((found) => parts.passwords.meet(found))
    .catch((err) => parts.log.warn({ err }, 'the hashes of other systems could not be timed'))
}
