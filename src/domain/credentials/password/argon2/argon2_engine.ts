import { loadNodeArgon2 } from './node_argon2.ts'
import { loadNodeRs } from './node_rs.ts'

/**
 * Argon2 (RFC 9106) and its PHC strings. Two packages compute it, of which the faster one is not
 * there on every platform; this folder chooses between them, and owns what a hash looks like. What
 * is hashed, at which cost, and how many at once, is decided in `password_hash.ts`.
 */
export type Argon2Engine = {
  /** The package, as its registry calls it. */
  name: string
  /**
   * On threads of libuv, never on the one that answers requests.
   *
   * @returns `sizeBytes` bytes, without any text around them: what is written is the same, whoever
   *   has computed it
   */
  derive(password: string, input: Argon2Input): Promise<Buffer>
}

export type Argon2Variant = 'argon2d' | 'argon2i' | 'argon2id'

export type Argon2Cost = { memoryKib: number; passes: number; parallelism: number }

export type Argon2Input = Argon2Cost & {
  variant: Argon2Variant
  version: 16 | 19
  salt: Buffer
  sizeBytes: number
}

export function chooseArgon2Engine(): Argon2Engine {
  return loadNodeRs() ?? loadNodeArgon2()
}
