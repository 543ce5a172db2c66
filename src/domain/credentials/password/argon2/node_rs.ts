import { createRequire } from 'node:module'
import type { Argon2Engine, Argon2Input } from './argon2_engine.ts'

const require = createRequire(import.meta.url)

/** The numbers of its types, which are constant enumerations and so not there at run time. */
const ALGORITHMS = { argon2d: 0, argon2i: 1, argon2id: 2 } as const
const VERSIONS = { 16: 0, 19: 1 } as const

/** @returns undefined where it is not installed, or has no binary that loads here */
export function loadNodeRs(): Argon2Engine | undefined {
  try {
    const { hashRaw } = require('@node-rs/argon2') as typeof import('@node-rs/argon2')
    return {
      name: '@node-rs/argon2',
      derive: (password, input) => hashRaw(Buffer.from(password), optionsOf(input)),
    }
  } catch {
    return undefined
  }
}

function optionsOf(input: Argon2Input) {
  return {
    algorithm: ALGORITHMS[input.variant],
    version: VERSIONS[input.version],
    memoryCost: input.memoryKib,
    timeCost: input.passes,
    parallelism: input.parallelism,
    outputLen: input.sizeBytes,
    salt: input.salt,
  }
}
