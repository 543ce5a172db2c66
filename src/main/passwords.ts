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
import type { ConfigBeforeSecrets } from '../platform/config/schema.ts'

/** Hasher and policy as the configuration wants them, for servers and commands alike. */

export function createHasher({
  security,
}: Pick<ConfigBeforeSecrets, 'security'>): TimedPasswordHasher {
  return createPasswordHasher({
    memoryKib: security.argon2MemoryKib,
    passes: security.argon2Passes,
    parallelism: security.argon2Parallelism,
  })
}

export function createPolicy(
  { passwords }: Pick<ConfigBeforeSecrets, 'passwords'>,
  deps: Omit<BreachServiceDeps, 'url'>,
): PasswordPolicy {
  const { minLength, breachService: url } = passwords
  const breaches = url === undefined ? undefined : createBreachService({ ...deps, url })
  return createPasswordPolicy({ minLength, breaches })
}
