import { createRequire } from 'node:module'
import type { Argon2Engine } from './argon2_engine.ts'

const require = createRequire(import.meta.url)

/** Loaded only where the other one is not there. */
export function loadNodeArgon2(): Argon2Engine {
  const argon2 = require('argon2') as typeof import('argon2')
  return {
    name: 'argon2',
    derive: (password, { variant, version, memoryKib, passes, parallelism, salt, sizeBytes }) =>
      argon2.hash(password, {
        raw: true,
        type: argon2[variant],
        version,
        memoryCost: memoryKib,
        timeCost: passes,
        parallelism,
        hashLength: sizeBytes,
        salt,
      }),
  }
}
